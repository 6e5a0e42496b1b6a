"""The model that comes with camd is the one that its record tells of."""

import hashlib
import json
from importlib import resources

import numpy as np

from camd.learning import factory
from camd.learning.pictures import FREE
from camd.model import LABELS
from camd.vision.classify import Network

MODEL = resources.files("camd") / "learning" / "model"
NETWORK = (MODEL / "network.onnx").read_bytes()
RECORD = json.loads((MODEL / "record.json").read_text(encoding="utf-8"))


def test_what_is_shipped_is_what_was_made_and_told() -> None:
    digest = hashlib.sha256(NETWORK).hexdigest()
    card = (MODEL / "MODEL.md").read_text(encoding="utf-8")
    assert RECORD["sha256"] == factory.factory_head().network == factory.network_id() == digest
    assert RECORD["bytes"] == len(NETWORK) <= 1_000_000
    assert digest in card
    assert f"{len(NETWORK):,} bytes" in card
    assert f"{RECORD['test']['balanced_accuracy']:.3f}" in card
    assert f"{RECORD['left_out']['balanced_accuracy']:.3f}" in card


def test_it_learned_from_free_pictures_alone_and_was_rehearsed_on_others() -> None:
    taught = [source for source in RECORD["sources"].values() if source["taught"]]
    licences = {licence for source in taught for licence in source["licence"].split(" and ")}
    assert all(licence.startswith(FREE) and "-SA" not in licence for licence in licences)
    assert set(RECORD["left_out"]["recall"]) == set(LABELS)
    assert RECORD["left_out"]["temperature"] == factory.factory_head().temperature


def test_its_summary_is_of_its_own_embeddings() -> None:
    summary, head = factory.summary(), factory.factory_head()
    embedding = Network(NETWORK, head).embed(np.zeros((40, 30), np.uint8))
    assert embedding.shape == (head.weights.shape[1],) == summary.train.shape[1:] == summary.test.shape[1:]
    assert set(summary.train_labels.tolist()) == set(summary.test_labels.tolist()) == set(range(len(LABELS)))
