        with changed as (
            {changed}
        ),
        delta as (
            select {keys}, sum(rollup_sign)::bigint as rollup_rows{added}
            from changed
            where {keys_there}
            group by {keys}
            having {moves}
        ),
        put as (
            -- in order, so that two writers never wait for each other
            insert into {storage} as stored ({columns})
            select {keys}, rollup_mine, rollup_rows{sums} from delta order by {keys}
            on conflict ({keys}, rollup_part) do update set {settings}
            returning {empty} as rollup_empty
        )
        select count(*) into rollup_gone from put where rollup_empty;
        if rollup_gone > 0 then
            delete from {storage} where rollup_part = rollup_mine and {empty};
        end if;
