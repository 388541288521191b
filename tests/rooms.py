"""Which tests belong to which room of the package.

``make test ROOM=decoding`` runs those of one; ``python -m tests.rooms decoding`` prints
their paths, ``python -m tests.rooms`` the rooms.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The names of test files without "test_"; a room's doctests belong to it as well.
ROOMS = {
    "frames": "data_frames frames memory_maps sets_of_clips",
    "audio": "audio doubtful_audio home_folder librosa streams",
    "chords": "chord_annotations chords",
    "onsets": "onset_matching onsets",
    "notes": "note_files notes",
    "decoding": "binary_viterbi decoding peaks",
    "metrics": "chord_metrics metrics note_metrics onset_metrics",
    "datasets": """
        archives chord_datasets collections generators groups loaders manifests tables
        onset_datasets piano_datasets walks
    """,
    "spectrogram": "beats bad_input feature_store frame_stream screening spectrogram",
    "nets": "nets piano_net recurrent",
    "preprocessing": "framewise lookup pooling preparation",
    "training": """
        callbacks checkpoints convergence devices failed_fits numpy_scalars
        parameters training
    """,
    "feature_learning": "conv_dbn conv_dbn_clips dbm feature_learning local_filters",
    "neural_network": """
        activations bad_labels conv_layouts conv_tagger dropout_mlp multi_timescale
        new_net own_net sparse_labels standardize tag_names
    """,
    "ensemble": "bagging tagging",
    "chord_recognition": "chord_nets chord_recognition rare_chords",
    "onset_detection": "onset_coding onset_detection onset_tuning spectral_flux",
    "transcription": "transcription",
    "persistence": "forged_models persistence security",
    "plotting": "note_pictures onset_pictures plotting stimuli_pictures",
    "inspection": "inspection inversion stimuli_report",
    "sonification": "sonification",
    "model_selection": """
        compare compare_elsewhere compare_kept compare_notes compare_onsets
        compare_output few_shot html_report model_selection
    """,
    "testing": "clip_checks testing",
    "command_line": "benchmarks command_line note_commands onset_commands",
    "package": """
        architecture common determinism html killed_jobs machines
        gallery meta_estimators numerical_safety pipeline pipelines progress properties
        public_names reliability site sources typing versions warnings workers
    """,
}
SOURCES = {
    "frames": "frames.py",
    "sonification": "sonification.py",
    "training": "_training",
    "command_line": "_command_line",
    "package": "",
}


def paths(room):
    """Return the test files of a room, and its part of the package."""
    names = [f"tests/test_{name}.py" for name in ROOMS[room].split()]
    source = SOURCES.get(room, room)
    return [*names, f"skdeepmir/{source}"] if source else names


if __name__ == "__main__":
    asked = sys.argv[1:]
    if not asked:
        print(*ROOMS, sep="\n")
    elif unknown := [room for room in asked if room not in ROOMS]:
        raise SystemExit(
            f"There is no room {unknown[0]}; there are {', '.join(ROOMS)}."
        )
    else:
        print(*(path for room in asked for path in paths(room)))
