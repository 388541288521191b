"""Run in a process of its own: checks estimators, and prints the results as JSON.

``python _checked.py quick`` checks three, ``full`` all of tests/test_common.py.
"""

import json
import sys
import warnings
from pathlib import Path

QUICK = ("BandShifter", "TemplateChordRecognizer", "ClipVotingClassifier")


def run(effort):
    """Return counts of checks and what failed."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import test_common
    from sklearn.exceptions import SkipTestWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.utils.estimator_checks import check_estimator

    from skdeepmir import MultiTimescalePooler, SpectrogramExtractor
    from skdeepmir.testing import check_audio_estimator

    warnings.simplefilter("ignore", SkipTestWarning)
    estimators = test_common.ESTIMATORS
    small = {"n_mels": 8, "hop_length": 2048, "verbose": False}
    on_audio = [SpectrogramExtractor("mel", **small)]
    if effort == "quick":
        by_name = {type(e).__name__: e for e in reversed(estimators)}
        estimators = [by_name[name] for name in QUICK]
    else:
        on_audio += [
            SpectrogramExtractor("mfcc", n_mfcc=5, deltas=1, **small),
            SpectrogramExtractor("cqt", n_bins=12, log=True, verbose=False),
            make_pipeline(on_audio[0], MultiTimescalePooler()),
        ]
    n_checks, failed, expected = 0, [], 0
    for estimator in estimators:
        wanted = set(test_common.expected_failures(estimator))
        for result in check_estimator(estimator, on_fail=None, on_skip=None):
            n_checks += 1
            if result["status"] != "passed":
                is_expected = result["check_name"] in wanted
                expected += is_expected
                if not is_expected:
                    name = type(estimator).__name__
                    failed.append(f"{name} {result['check_name']}")
    n_audio = []
    for estimator in on_audio:
        try:
            n_audio.append(len(check_audio_estimator(estimator)))
        except AssertionError as error:
            failed.append(str(error)[:200])
    return {
        "estimators": len(estimators),
        "checks": n_checks,
        "failed": failed,
        "expected": expected,
        "on_audio": len(on_audio),
        "audio_checks": n_audio,
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
