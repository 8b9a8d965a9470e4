"""Real trainings, in processes of their own, read through the mount and log models; who came from what is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artfs import Api
from tests.support.mounts.mountedstore import MountedStore

Script = Callable[..., list[str]]

_PREPARE = """
    import pathlib
    import artfs
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    parts = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0)
    for part, images, labels in (("train", parts[0], parts[2]), ("test", parts[1], parts[3])):
        for number, (image, label) in enumerate(zip(images, labels)):
            folder = pathlib.Path("digits", part, str(label))
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{number:04d}.npy", image.astype(np.float32))
    with artfs.init(name="prepare", job_type="preprocess") as run:
        artifact = artfs.Artifact("digits", type="dataset")
        artifact.add_dir("digits")
        run.log_artifact(artifact, aliases=["split"])
"""

_TRAIN_FOREST = """
    import artfs
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    def part(top):
        files = sorted(top.glob("*/*.npy"))
        return np.stack([np.load(file).ravel() for file in files]), [int(file.parent.name) for file in files]

    with artfs.init(name="forest", job_type="train", config={"trees": 50}) as run:
        digits = run.use_artifact("digits:split", type="dataset")
        print(digits.path)
        forest = RandomForestClassifier(run.config.trees, random_state=0).fit(*part(digits.path / "train"))
        run.summary["accuracy"] = forest.score(*part(digits.path / "test"))
        model = artfs.Artifact("forest", type="model", metadata={"accuracy": run.summary["accuracy"]})
        with model.new_file("forest.joblib", "wb") as file:
            joblib.dump(forest, file)
        run.log_artifact(model, aliases=["best"])
"""

_TRAIN_NET = """
    import artfs
    import numpy as np
    import safetensors.torch
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Digits(Dataset):
        def __init__(self, top):
            self.files = sorted(top.glob("*/*.npy"))

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return torch.from_numpy(np.load(self.files[index])).flatten() / 16, int(self.files[index].parent.name)

    if __name__ == "__main__":
        torch.manual_seed(0)
        with artfs.init(name="net", job_type="train", config={"epochs": 4, "lr": 0.02}) as run:
            digits = run.use_artifact("digits:latest")
            print(digits.path)
            net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
            optimizer = torch.optim.Adam(net.parameters(), lr=run.config.lr)
            loader = DataLoader(
                Digits(digits.path / "train"), 64, shuffle=True, num_workers=2, persistent_workers=True
            )
            for _epoch in range(run.config.epochs):
                for images, labels in loader:
                    optimizer.zero_grad()
                    torch.nn.functional.cross_entropy(net(images), labels).backward()
                    optimizer.step()
            images, labels = next(iter(DataLoader(Digits(digits.path / "test"), 1000)))
            run.summary["accuracy"] = (net(images).argmax(1) == labels).float().mean().item()
            safetensors.torch.save_file(net.state_dict(), "net.safetensors")
            run.log_artifact("net.safetensors", name="net", type="model")
"""

_EVALUATE = """
    import artfs
    import joblib
    import numpy as np

    with artfs.init(name="evaluate", job_type="evaluate") as run:
        forest = joblib.load(run.use_artifact("forest:best", type="model").path / "forest.joblib")
        files = sorted((run.use_artifact("digits:split").path / "test").glob("*/*.npy"))
        found = forest.predict(np.stack([np.load(file).ravel() for file in files]))
        right = np.mean(found == [int(file.parent.name) for file in files])
        assert right == run.use_artifact("forest:best").metadata["accuracy"], right
        report = artfs.Artifact("report", type="report")
        with report.new_file("report.txt") as file:
            file.write(f"{right:.3f}")
        run.log_artifact(report)
"""


@pytest.fixture
def digits(script: Script, mounted: MountedStore) -> Path:
    """1,797 images of digits, logged by a run, where the mount shows them."""
    script(_PREPARE)
    mounted.mount()
    return mounted.mountpoint / "digits"


def test_a_training_reads_through_the_mount_and_logs_a_model_and_both_are_known_of_its_run(
    script: Script, mounted: MountedStore, digits: Path
) -> None:
    assert script(_TRAIN_FOREST) == [str(digits / "v0")]
    script(_EVALUATE)
    assert not (mounted.top / "artifacts").exists()  # nothing was downloaded
    api = Api(mounted.store)
    model = api.artifact("forest:best")
    run = model.logged_by()
    assert run is not None
    assert (run.name, run.job_type, run.state, run.config) == ("forest", "train", "finished", {"trees": 50})
    assert [used.name for used in run.used_artifacts()] == ["digits:v0"]
    assert [logged.name for logged in run.logged_artifacts()] == ["forest:v0"]
    assert run.summary["accuracy"] == model.metadata["accuracy"] > 0.9
    assert [user.name for user in api.artifact("digits:v0").used_by()] == ["forest", "evaluate"]
    assert [artifact.name for artifact in api.artifact("digits").descendants()] == ["forest:v0", "report:v0"]
    assert sorted(artifact.name for artifact in api.artifact("report").ancestors()) == ["digits:v0", "forest:v0"]
    assert sorted(artifact.name for artifact in api.artifact("report").ancestors(depth=1)) == ["digits:v0", "forest:v0"]
    assert [artifact.name for artifact in model.ancestors()] == ["digits:v0"]
    model.store.close()


def test_a_training_whose_loader_has_workers_logs_a_model_once(
    script: Script, mounted: MountedStore, digits: Path
) -> None:
    assert script(_TRAIN_NET) == [str(digits / "v0")]
    api = Api(mounted.store)
    assert [artifact.name for artifact in api.artifacts("net")] == ["net:v0"]
    run = api.artifact("net").logged_by()
    assert run is not None
    assert [(run.name, run.state) for run in api.runs()] == [("prepare", "finished"), ("net", "finished")]
    assert [used.name for used in run.used_artifacts()] == ["digits:v0"]
    assert run.summary["accuracy"] > 0.9
    assert [entry.path for entry in api.artifact("net").files()] == ["net.safetensors"]
    run.logged_artifacts()[0].store.close()


def test_a_training_that_fails_has_used_its_data_and_logged_nothing(
    script: Script, mounted: MountedStore, digits: Path
) -> None:
    failing = _TRAIN_FOREST.replace(
        'run.summary["accuracy"] =', "raise ArithmeticError('diverged')\n        accuracy ="
    )
    with pytest.raises(AssertionError, match="ArithmeticError: diverged"):
        script(failing)
    api = Api(mounted.store)
    assert [(run.name, run.state) for run in api.runs()] == [("prepare", "finished"), ("forest", "failed")]
    assert [user.name for user in api.artifact("digits").used_by()] == ["forest"]
    assert not api.artifact_exists("forest")
    assert [path.name for path in digits.parent.iterdir()] == ["digits"]
    api.artifact("digits").store.close()
