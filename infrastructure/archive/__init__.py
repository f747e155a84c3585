"""The settled log a second time, as immutable Parquet files in a folder or at a URL."""
