"""torch and safetensors: data loaders whose workers read a version, by path and by URI; models mapped from a mount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mounts.mountedstore import MountedStore

Script = Callable[..., list[str]]

_LOG_DIGITS = """
    import pathlib
    import artfs
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target)):
        folder = pathlib.Path("digits", str(label))
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{number:04d}.npy", image.astype(np.float32))
    np.savez("digits.npz", images=digits.images, labels=digits.target)
    artifact = artfs.Artifact("digits")
    artifact.add_dir("digits")
    artifact.save()
"""

_LOAD_DIGITS = """
    import sys
    import fsspec
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Digits(Dataset):
        def __init__(self, place):
            self.files, top = fsspec.core.url_to_fs(place)
            self.paths = sorted(self.files.glob(f"{top}/*/*.npy"))

        def __len__(self):
            return len(self.paths)

        def __getitem__(self, index):
            with self.files.open(self.paths[index]) as file:
                image = np.load(file)
            return torch.from_numpy(image), int(self.paths[index].split("/")[-2])

    if __name__ == "__main__":
        method, *places = sys.argv[1:]
        for place in places:
            digits = Digits(place)
            digits[0]  # this process has the store open before it has workers
            loader = DataLoader(digits, 64, shuffle=True, num_workers=2, multiprocessing_context=method)
            images, labels = (torch.cat(parts).numpy() for parts in zip(*loader))
            expected = np.load("digits.npz")
            for label in range(10):
                found, original = images[labels == label], expected["images"][expected["labels"] == label]
                assert np.array_equal(np.sort(found.sum((1, 2))), np.sort(original.sum((1, 2))))
            print(len(labels))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_workers_of_a_torch_data_loader_read_by_uri_and_in_a_mount(
    script: Script, mounted: MountedStore, method: str
) -> None:
    script(_LOG_DIGITS)
    mounted.mount()
    places = ["artfs://digits:v0", mounted.mountpoint / "digits" / "latest"]
    assert script(_LOAD_DIGITS, method, *places) == ["1797", "1797"]


def test_safetensors_and_torch_map_the_files_of_a_mount(
    script: Script, mounted: MountedStore, silero_vad_releases: tuple[Path, Path]
) -> None:
    models = silero_vad_releases[1] / "silero_vad" / "data"
    mounted.put(models, name="vad", more=["-t", "model"])
    mounted.mount()
    lines = script(
        """
        import sys
        import fsspec
        import safetensors
        import safetensors.torch
        import torch

        source, version = (f"{folder}/silero_vad_16k.safetensors" for folder in sys.argv[1:])
        expected = safetensors.torch.load_file(source)
        with safetensors.safe_open(version, framework="pt") as file:
            assert sorted(file.keys()) == sorted(expected)
            for name in file.keys():
                assert torch.equal(file.get_tensor(name), expected[name])
            name, whole = max(expected.items(), key=lambda item: item[1].numel())
            assert torch.equal(file.get_slice(name)[:1], whole[:1])
        loaded = safetensors.torch.load(fsspec.filesystem("artfs").cat("vad:latest/silero_vad_16k.safetensors"))
        assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())
        print(len(loaded))
        """,
        models,
        mounted.mountpoint / "vad" / "v0",
    )
    assert int(lines[0]) > 10


def test_a_model_is_saved_into_a_draft_and_loaded_from_the_version(script: Script, mounted: MountedStore) -> None:
    mounted.done("init")
    mounted.mount("--staging", str(mounted.place("stage")))
    draft = Path(mounted.done("stage", "net", "--new").text)
    script(
        """
        import sys
        import artfs
        import numpy as np
        import safetensors.torch
        import torch

        torch.manual_seed(7)
        net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
        draft, logged = sys.argv[1], artfs.Artifact("logged-net", type="model")
        torch.save(net.state_dict(), f"{draft}/net.pt")
        safetensors.torch.save_file(net.state_dict(), f"{draft}/net.safetensors")
        np.save(f"{draft}/weights.npy", net[0].weight.detach().numpy())
        with logged.new_file("net.pt", "wb") as file:
            torch.save(net.state_dict(), file)
        logged.save()
        """,
        draft,
    )
    assert mounted.done("commit", draft, "-t", "model").text == "net:v0"
    script(
        """
        import sys
        import artfs
        import numpy as np
        import safetensors
        import torch

        torch.manual_seed(7)
        net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
        expected, version = net.state_dict(), sys.argv[1]
        mapped = torch.load(f"{version}/net.pt", mmap=True, weights_only=True)
        with artfs.Api().artifact("logged-net").open("net.pt") as file:
            logged = torch.load(file, weights_only=True)
        with safetensors.safe_open(f"{version}/net.safetensors", framework="pt") as file:
            for name, tensor in expected.items():
                assert torch.equal(file.get_tensor(name), tensor)
                assert torch.equal(mapped[name], tensor)
                assert torch.equal(logged[name], tensor)
        assert np.array_equal(np.load(f"{version}/weights.npy", mmap_mode="r"), net[0].weight.detach().numpy())
        """,
        mounted.mountpoint / "net" / "latest",
    )
