"""Clips to learn from: generated (``make_*``) or on disk (``load_*``).

``extract_archive`` and ``fetch_archive`` bring the archives of a collection to disk.
"""

from skdeepmir._public import suggest_names
from skdeepmir.datasets._archives import extract_archive, fetch_archive
from skdeepmir.datasets._chord_collections import (
    load_billboard,
    load_isophonics,
    load_rwc_popular,
)
from skdeepmir.datasets._chord_generator import make_chord_clips
from skdeepmir.datasets._generators import make_instrument_clips, make_tag_clips
from skdeepmir.datasets._gtzan import load_gtzan
from skdeepmir.datasets._loaders import load_audio_folder
from skdeepmir.datasets._magnatagatune import load_magnatagatune
from skdeepmir.datasets._manifest import load_manifest
from skdeepmir.datasets._mirdata import load_mirdata
from skdeepmir.datasets._mtg_jamendo import load_mtg_jamendo
from skdeepmir.datasets._onset_collections import load_mdb_drums, load_onset_db
from skdeepmir.datasets._onset_generator import make_onset_clips
from skdeepmir.datasets._piano_collections import (
    load_maestro,
    load_maps,
    load_poliner_ellis,
)
from skdeepmir.datasets._piano_generator import make_piano_clips, render_notes

__all__ = [
    "extract_archive",
    "fetch_archive",
    "load_audio_folder",
    "load_billboard",
    "load_gtzan",
    "load_isophonics",
    "load_maestro",
    "load_magnatagatune",
    "load_manifest",
    "load_maps",
    "load_mdb_drums",
    "load_mirdata",
    "load_mtg_jamendo",
    "load_onset_db",
    "load_poliner_ellis",
    "load_rwc_popular",
    "make_chord_clips",
    "make_instrument_clips",
    "make_onset_clips",
    "make_piano_clips",
    "make_tag_clips",
    "render_notes",
]

suggest_names(__name__)
