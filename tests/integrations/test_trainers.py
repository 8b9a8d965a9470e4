"""Trainers of other libraries that log to W&B, in what `artfs run --wandb` starts: small random models, offline."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import artfs

_LIGHTNING = """
    import pytorch_lightning as lightning
    import torch
    import wandb
    from pytorch_lightning.callbacks import ModelCheckpoint
    from pytorch_lightning.loggers import WandbLogger

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters({"lr": 0.1})
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch, _place):
            loss = self.layer(batch).pow(2).mean()
            self.log("train/loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    logger = WandbLogger(project="lightning", name="trained", log_model=True)
    logger.experiment.use_artifact("rows:latest")
    trainer = lightning.Trainer(
        max_epochs=2,
        logger=logger,
        accelerator="cpu",
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelCheckpoint(dirpath="checkpoints", monitor="train/loss", mode="min")],
    )
    trainer.fit(Net(), torch.utils.data.DataLoader(torch.randn(32, 4), batch_size=8))
    wandb.finish()
"""

_TRANSFORMERS = """
    import torch
    import wandb
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    size = {"vocab_size": 32, "hidden_size": 8, "intermediate_size": 8}
    size |= {"num_hidden_layers": 1, "num_attention_heads": 1}
    rows = [{"input_ids": torch.randint(0, 32, (6,)), "labels": torch.tensor(place % 2)} for place in range(16)]
    settings = TrainingArguments(
        output_dir="out",
        report_to="wandb",
        run_name="trained",
        max_steps=4,
        logging_steps=1,
        save_steps=2,
        use_cpu=True,
    )
    wandb.init(name="trained").use_artifact("rows:latest")
    Trainer(model=BertForSequenceClassification(BertConfig(**size)), args=settings, train_dataset=rows).train()
    wandb.finish()
"""

_SKLEARN = """
    import joblib
    import wandb
    from sklearn.datasets import make_classification
    from sklearn.linear_model import SGDClassifier

    with wandb.init(project="sklearn", name="trained", config={"alpha": 0.01}) as run:
        run.use_artifact("rows:latest")
        features, labels = make_classification(64, random_state=0)
        model = SGDClassifier(alpha=run.config.alpha, random_state=0)
        for epoch in range(4):
            model.partial_fit(features, labels, classes=[0, 1])
            run.log({"train/loss": 1 - model.score(features, labels)})
        joblib.dump(model, "model.joblib")
        artifact = wandb.Artifact("model-trained", type="model")
        artifact.add_file("model.joblib")
        run.log_artifact(artifact, aliases=["best"])
"""


@pytest.mark.parametrize(
    ("script", "project", "aliases", "file"),
    [
        (_LIGHTNING, "lightning", {"latest", "best"}, "model.ckpt"),
        (_TRANSFORMERS, None, {"latest"}, "model.safetensors"),
        (_SKLEARN, "sklearn", {"latest", "best"}, "model.joblib"),
    ],
    ids=["lightning", "transformers", "sklearn"],
)
def test_a_trainers_checkpoints_are_versions_with_lineage_and_its_metrics_a_history(
    tmp_path: Path, script: str, project: str | None, aliases: set[str], file: str
) -> None:
    store = tmp_path / "store"
    (tmp_path / "rows.csv").write_text("1,2")
    rows = artfs.Artifact("rows", store=store)
    rows.add_file(tmp_path / "rows.csv")
    rows.save(project=project)
    (tmp_path / "train.py").write_text(textwrap.dedent(script))
    offline = {"HF_HUB_OFFLINE": "1", "WANDB_LOG_MODEL": "checkpoint", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "artfs.cli", "run", "--wandb", "--", sys.executable, "train.py"],
        cwd=tmp_path,
        env={**os.environ, **offline, "ARTFS_STORE": str(store)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    api = artfs.Api(store)
    (run,) = (each for each in api.runs() if each.name == "trained")
    models = run.logged_artifacts()
    newest = models[-1]
    assert {model.type for model in models} == {"model"}
    assert aliases <= set(newest.aliases)
    assert file in newest.manifest.entries
    assert [source.name for source in newest.ancestors()] == ["rows:v0"]
    assert len(list(run.scan_history(["train/loss"]))) >= 4
    assert newest.history_step is not None
