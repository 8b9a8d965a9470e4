"""pandas, pyarrow, polars and datasets read a version as they read the disk: by URI, and by path in a mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.mounts.mountedstore import MountedStore

Script = Callable[..., list[str]]

_LOG = """
    import sys
    import artfs
    import pandas as pd

    folder = sys.argv[1]
    weather = pd.read_csv(f"{folder}/seattle-weather.csv", parse_dates=["date"])
    weather["year"] = weather.date.dt.year
    weather.to_parquet("weather", partition_cols=["year"])
    weather.to_parquet("weather.parquet")
    weather.to_csv("weather.csv.gz", index=False)
    tables = artfs.Artifact("tables")
    tables.add_dir(folder)
    tables.add_dir("weather", name="weather")
    tables.add_file("weather.parquet")
    tables.add_file("weather.csv.gz")
    tables.add_reference(f"file://{folder}/airports.csv", name="referred/airports.csv")
    tables.save()
"""


def test_pandas_reads_by_uri_what_it_reads_from_the_disk(script: Script, tables: Path) -> None:
    script(_LOG, tables)
    lines = script(
        """
        import sys
        import pandas as pd
        from pandas.testing import assert_frame_equal

        folder, version = sys.argv[1], "artfs://tables:latest"
        for name in ("airports.csv", "seattle-temps.csv"):
            assert_frame_equal(pd.read_csv(f"{version}/{name}"), pd.read_csv(f"{folder}/{name}"))
        assert_frame_equal(pd.read_csv(f"{version}/referred/airports.csv"), pd.read_csv(f"{folder}/airports.csv"))
        assert_frame_equal(pd.read_json(f"{version}/cars.json"), pd.read_json(f"{folder}/cars.json"))
        assert_frame_equal(pd.read_csv(f"{version}/weather.csv.gz"), pd.read_csv("weather.csv.gz"))
        columns = ["date", "temp_max"]
        assert_frame_equal(
            pd.read_parquet(f"{version}/weather.parquet", columns=columns),
            pd.read_parquet("weather.parquet", columns=columns),
        )
        print(len(pd.read_parquet(f"{version}/weather", filters=[("year", "=", 2013)])))
        options = {"store": "store"}
        print(len(pd.read_csv("artfs://tables:v0/airports.csv", storage_options=options)))
        for wrong, uri in ((FileNotFoundError, f"{version}/none.csv"), (FileNotFoundError, "artfs://none/a.csv")):
            try:
                pd.read_csv(uri)
            except wrong as error:
                print(error)
        try:
            pd.DataFrame({"a": [1]}).to_csv(f"{version}/new.csv")
        except OSError as error:
            print(error.strerror)
        """,
        tables,
    )
    assert lines == [
        "365",
        "3376",
        "tables:latest/none.csv: no 'none.csv' in tables:v0: `artfs ls tables:v0` shows what there is",
        "none/a.csv: artifact none does not exist: `artfs ls` shows which do",
        "Read-only file system: versions do not change, log a new one",
    ]


def test_pyarrow_scans_a_partitioned_dataset_by_file_system_and_by_uri(script: Script, tables: Path) -> None:
    script(_LOG, tables)
    lines = script(
        """
        import fsspec
        import pyarrow.csv
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq

        wet = ds.field("weather") == "rain"
        disk = ds.dataset("weather", partitioning="hive")
        by_system = ds.dataset("tables:latest/weather", filesystem=fsspec.filesystem("artfs"), partitioning="hive")
        by_uri = ds.dataset("fsspec+artfs://tables:v0/weather", partitioning="hive")
        for dataset in (by_system, by_uri):
            assert len(dataset.files) == len(disk.files) == 4
            assert dataset.to_table(filter=wet).equals(disk.to_table(filter=wet))
            assert dataset.count_rows(filter=ds.field("year") == 2014) == 365
        file = pq.ParquetFile("tables/weather.parquet", filesystem=fsspec.filesystem("artfs"))
        assert file.read(columns=["wind"]).equals(pq.read_table("weather.parquet", columns=["wind"]))
        with fsspec.open("artfs://tables/airports.csv") as airports:
            print(pyarrow.csv.read_csv(airports).num_rows)
        """
    )
    assert lines == ["3376"]


def test_polars_reads_opened_files_and_scans_a_dataset(script: Script, tables: Path) -> None:
    script(_LOG, tables)
    script(
        """
        import sys
        import fsspec
        import polars as pl
        import pyarrow.dataset as ds
        from polars.testing import assert_frame_equal

        files = fsspec.filesystem("artfs")
        with files.open("tables:latest/airports.csv") as airports:
            assert_frame_equal(pl.read_csv(airports), pl.read_csv(f"{sys.argv[1]}/airports.csv"))
        hot = pl.col("temp_max") > 30
        with files.open("tables:latest/weather.parquet") as weather:
            found = pl.scan_parquet(weather).filter(hot).collect()
        assert_frame_equal(found, pl.scan_parquet("weather.parquet").filter(hot).collect())
        weather = ds.dataset("tables:latest/weather", filesystem=files, partitioning="hive")
        assert pl.scan_pyarrow_dataset(weather).filter(hot).collect().height == found.height
        """,
        tables,
    )


def test_datasets_loads_by_the_index_of_a_version_and_streams_by_alias(script: Script, tables: Path) -> None:
    script(_LOG, tables)
    script(
        """
        import artfs
        import datasets

        datasets.disable_progress_bars()
        weather = datasets.load_dataset("parquet", data_files="artfs://tables:v0/weather.parquet", split="train")
        assert weather.to_pandas().equals(datasets.Dataset.from_parquet("weather.parquet").to_pandas())
        for number in (0, 1):
            numbers = artfs.Artifact("numbers")
            with numbers.new_file("numbers.csv") as file:
                file.write(f"number\\n{number}\\n")
            numbers.save()
            by_index = f"artfs://numbers:v{number}/numbers.csv"
            assert datasets.load_dataset("csv", data_files=by_index, split="train")["number"][0] == number
            by_alias = "artfs://numbers:latest/*.csv"
            streamed = datasets.load_dataset("csv", data_files=by_alias, split="train", streaming=True)
            assert [row["number"] for row in streamed] == [number]
        weather.save_to_disk("saved")
        saved = artfs.Artifact("saved")
        saved.add_dir("saved")
        saved.save()
        assert datasets.load_from_disk("artfs://saved:latest").to_pandas().equals(weather.to_pandas())
        """
    )


def test_the_same_libraries_read_and_map_the_files_of_a_mount(
    script: Script, tables: Path, mounted: MountedStore
) -> None:
    script(_LOG, tables)
    mounted.mount()
    script(
        """
        import sys
        import pandas as pd
        import polars as pl
        import pyarrow as pa
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq
        from pandas.testing import assert_frame_equal

        folder, version = sys.argv[1], f"{sys.argv[2]}/tables/latest"
        assert_frame_equal(pd.read_csv(f"{version}/airports.csv"), pd.read_csv(f"{folder}/airports.csv"))
        assert_frame_equal(pd.read_csv(f"{version}/referred/airports.csv"), pd.read_csv(f"{folder}/airports.csv"))
        rain = ds.field("weather") == "rain"
        disk = ds.dataset("weather", partitioning="hive").to_table(filter=rain)
        assert ds.dataset(f"{version}/weather", partitioning="hive").to_table(filter=rain).equals(disk)
        mapped = pq.read_table(f"{version}/weather.parquet", memory_map=True)
        assert mapped.equals(pq.read_table("weather.parquet"))
        assert pl.scan_csv(f"{version}/airports.csv").collect().equals(pl.read_csv(f"{folder}/airports.csv"))
        found = pl.scan_parquet(f"{version}/weather/**/*.parquet", hive_partitioning=True)
        assert found.filter(pl.col("year") == 2015).collect().height == 365
        """,
        tables,
        mounted.mountpoint,
    )
