"""Who tells visitors apart: whether the models that the settings ask for, and what was learned at home, can be used."""

from camd.checkups.finding import Finding, Patient, ill, well, worry
from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.learning import factory, home

UNTOLD = "Do that, and restart camd. Until then it records without labels."
UNLEARNED = "Do that. Until then the head that came with camd is used."


def classifiers(patient: Patient) -> list[Finding]:
    """Each model that a camera asks for is loaded, and asked for one picture."""
    wanted = {each.vision.detector: each.vision for each in patient.config.each() if each.vision.classify}
    return [one for vision in wanted.values() for one in _classifier(vision)] + _learned(patient)


def _classifier(vision: VisionConfig) -> list[Finding]:
    try:
        factory.classifier(vision)
    except UnusableInputError as error:
        return ill("classifier", str(error), UNTOLD, "its model cannot be used")
    return well("classifier", str(vision.detector or "camd's own"), "brought" if vision.detector else "camd's own")


def _learned(patient: Patient) -> list[Finding]:
    try:
        factory.learned_head(patient.places.heads)
        outdated = home.outdated(patient.places, factory.factory_head())
    except UnusableInputError as error:
        return worry("classifier", str(error), UNLEARNED, "what was learned cannot be used")
    said = home.OUTDATED.format(len(outdated))
    return worry("classifier", said, home.SEE_AGAIN, said) if outdated else []
