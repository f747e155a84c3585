"""What is shipped for Ray asks for a token everywhere, and gives Ray no secret."""

from pathlib import Path

import yaml

RAY = Path(__file__).parents[2] / "deploy" / "ray"


def test_the_job_for_kubernetes_has_a_token_and_its_secrets_from_a_secret() -> None:
    job = yaml.safe_load((RAY / "rayjob.yml").read_text())
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "temple-ledger"}}]
        assert "TEMPLE_DATABASE_URL" not in [each["name"] for each in container["env"]]
    assert "postgresql://" not in job["spec"]["entrypoint"]


def test_every_start_on_two_machines_is_behind_a_token() -> None:
    blocks = (RAY / "README.md").read_text().split("```sh")[1:]
    starting = [block for block in blocks if "ray start" in block]
    assert len(starting) == 2
    assert all("RAY_AUTH_MODE=token" in block.split("ray start")[0] for block in starting)
