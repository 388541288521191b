"""Files whose length is guessed, wrong or missing, and files that were joined."""

import io
import os
import platform
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir import check_audio
from skdeepmir.audio import AudioError, read_audio, read_header
from skdeepmir.audio._streams import Pieces, _flac, find_streams
from skdeepmir.audio._streams._mpeg import parse_frame

RATE = 22050
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"x" * 14
ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\4\0\0\0\0\2\0" + bytes(256)
CONTAINERS = {
    "wav": {},
    "aiff": {},
    "flac": {},
    "ogg": {},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
    "au": {},
    "w64": {},
    "rf64": {"format": "RF64"},
    "caf": {},
}


def music(seconds=2.0, rate=RATE):
    """Return what is soft and then loud, so that its bit rate changes."""
    rng = np.random.RandomState(0)
    t = np.arange(int(seconds * rate)) / rate
    y = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.2 * rng.randn(len(t))
    return (y * np.where(t < seconds / 2, 1e-3, 1)).clip(-1, 1)


def encoded(extension, y=None, rate=None, **options):
    rate = rate or (48000 if extension == "opus" else RATE)
    options = {"format": extension.upper(), **CONTAINERS[extension], **options}
    file = io.BytesIO()
    soundfile.write(file, music(rate=rate) if y is None else y, rate, **options)
    return file.getvalue()


def vbr(y=None):
    return encoded("mp3", y, bitrate_mode="VARIABLE", compression_level=0.3)


def without_count(mp3):
    """Take away the first frame, which says how many there are."""
    return mp3[parse_frame(mp3).length :]


def decoded(data, extension, folder, **options):
    path = folder / f"clip.{extension}"
    path.write_bytes(data)
    return read_audio(path, **options)[0]


def refused(data, extension, folder, **options):
    with pytest.raises(AudioError) as caught:
        decoded(data, extension, folder, **options)
    return caught.value.code


def packed(data, at, numbers, *values):
    data = bytearray(data)
    struct.pack_into(numbers, data, at, *values)
    return bytes(data)


# MPEG audio


def test_all_of_an_mp3_without_a_count_is_decoded(tmp_path):
    expected = decoded(vbr(), "mp3", tmp_path)
    bare = without_count(vbr())
    found = decoded(bare, "mp3", tmp_path)
    # Without a count nothing says that these come from the encoder and the decoder.
    delay = 576 + 529
    np.testing.assert_allclose(found[delay:][: len(expected)], expected, atol=1e-6)
    (tmp_path / "clip.mp3").write_bytes(bare)
    assert soundfile.info(tmp_path / "clip.mp3").frames != len(found)
    assert read_header(tmp_path / "clip.mp3").n_samples == len(found)
    assert not len(check_audio([tmp_path / "clip.mp3"], verbose=False))


@pytest.mark.parametrize("tail", [b"", ID3V1, b"APETAGEX" + bytes(100), b"\0" * 700])
@pytest.mark.parametrize("head", [b"", ID3V2, ID3V2 * 2, b"\0" * 3000])
def test_tags_and_junk_around_frames_are_no_sound(tmp_path, head, tail):
    for data in (vbr(), without_count(vbr()), without_count(encoded("mp3"))):
        expected = decoded(data, "mp3", tmp_path)
        found = decoded(head + data + tail, "mp3", tmp_path)
        np.testing.assert_array_equal(found, expected)


def test_junk_between_frames_is_left_out(tmp_path):
    bare = without_count(vbr())
    cut = 0
    for _ in range(5):
        cut += parse_frame(bare[cut:]).length
    expected = decoded(bare, "mp3", tmp_path)
    found = decoded(bare[:cut] + b"\0" * 5000 + bare[cut:], "mp3", tmp_path)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_frames", [0, 1, 20, 10**6])
def test_a_wrong_count_of_frames_is_not_believed(tmp_path, n_frames):
    mp3 = vbr()
    at = mp3.find(b"Xing") + 8
    found = decoded(packed(mp3, at, ">I", n_frames), "mp3", tmp_path)
    np.testing.assert_array_equal(found, decoded(mp3, "mp3", tmp_path))


def test_a_count_of_a_first_part_takes_nothing_from_the_rest(tmp_path):
    mp3 = vbr()
    at = mp3.find(b"Xing") + 8
    expected = decoded(mp3, "mp3", tmp_path)
    found = decoded(packed(mp3, at, ">II", 10, 1000), "mp3", tmp_path)
    np.testing.assert_array_equal(found[: len(expected)], expected)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.99])
def test_a_cut_mp3_is_noticed_before_it_is_decoded(tmp_path, share):
    mp3 = vbr()
    (tmp_path / "cut.mp3").write_bytes(mp3[: int(share * len(mp3))])
    with pytest.raises(AudioError, match="truncated"):
        read_header(tmp_path / "cut.mp3")
    found, _ = read_audio(tmp_path / "cut.mp3", truncated="accept")
    expected = decoded(mp3, "mp3", tmp_path)[: len(found) - 1152]
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)


def test_no_limit_is_taken_from_a_guess(tmp_path):
    y = np.concatenate([0 * music(), music()])
    bare = without_count(vbr(y))
    path = tmp_path / "clip.mp3"
    path.write_bytes(bare)
    seconds = read_header(path).n_samples / RATE
    assert soundfile.info(path).duration > 1.2 * seconds  # it begins with silence
    assert len(read_audio(path, max_duration=seconds)[0]) == round(seconds * RATE)
    assert refused(bare, "mp3", tmp_path, max_duration=seconds - 0.01) == "too_long"


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_frames_of_every_rate_are_followed(tmp_path, rate, n_channels):
    y = np.stack([music(1.0, rate)] * n_channels, axis=1)
    bare = without_count(encoded("mp3", y, rate))
    file = io.BytesIO(bare)
    (stream,) = find_streams(file, is_decoded=True)
    frame = parse_frame(bare)
    assert frame.kind[2:] == (rate, n_channels == 1)
    assert stream.n_samples % frame.n_samples == 0
    assert rate <= stream.n_samples <= rate + 4 * 1152
    assert len(decoded(bare, "mp3", tmp_path)) == stream.n_samples


@pytest.mark.parametrize("truncated", ["raise", "accept"])
@pytest.mark.parametrize("rate, level", [(16000, 0.99), (48000, 0.95)])
def test_blocks_of_low_bit_rates_are_as_the_whole(tmp_path, rate, level, truncated):
    y = np.tile(music(4.0, rate), 6)  # several blocks
    options = {"bitrate_mode": "CONSTANT", "compression_level": level}
    mp3 = encoded("mp3", y, rate, **options)
    found = decoded(mp3, "mp3", tmp_path, truncated=truncated)
    with soundfile.SoundFile(tmp_path / "clip.mp3") as sound:
        expected = sound.read(dtype="float32")  # at once
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_damaged_frames_are_told(tmp_path):
    bare = without_count(encoded("mp3", bitrate_mode="CONSTANT", compression_level=0.3))
    noise = np.random.RandomState(0).bytes(3000)
    assert refused(bare[:3000] + noise + bare[6000:], "mp3", tmp_path) == "truncated"


def test_pcm_in_a_format_that_is_not_walked_is_no_mpeg_audio(tmp_path):
    rng = np.random.RandomState(0)
    y = (rng.randn(200_000, 2) * 3e-4).clip(-1, 1)  # whose bytes are 0 and 255
    for extension in ("voc", "nist", "ircam", "mat4", "paf"):
        path = tmp_path / f"clip.{extension}"
        soundfile.write(path, y, RATE, "PCM_16", format=extension.upper())
        expected, _ = soundfile.read(path, dtype="float32")
        found, rate = read_audio(path)
        assert rate == RATE
        np.testing.assert_allclose(found, expected.mean(axis=1), atol=1e-6)
    pcm = (y * 32767).astype("<i2").tobytes()
    for name in ("raw", "pcm", "mp3", "mkv"):
        assert refused(pcm, name, tmp_path) == "undecodable"


@pytest.mark.parametrize("rate_mode", ["CONSTANT", "VARIABLE"])
def test_mpeg_audio_in_a_wav_file(tmp_path, rate_mode):
    mp3 = encoded("mp3", bitrate_mode=rate_mode, compression_level=0.3)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 0x55, 1, RATE, 8000, 1, 0)
    chunks = form + b"data" + struct.pack("<I", len(mp3)) + mp3
    wav = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    expected = decoded(mp3, "mp3", tmp_path)
    np.testing.assert_array_equal(decoded(wav, "wav", tmp_path), expected)


# Files that were joined


@pytest.mark.parametrize("extension", sorted(CONTAINERS))
def test_joined_files_give_the_sound_of_all(tmp_path, extension):
    parts = [encoded(extension), encoded(extension, music(1.3, 48000)[::-1], 48000)]
    parts += parts[:1]
    clips = [decoded(part, extension, tmp_path) for part in parts]
    rates = [read_header_of(part, extension, tmp_path).sample_rate for part in parts]
    if extension != "opus":
        assert rates == [RATE, 48000, RATE]
    found = decoded(b"".join(parts), extension, tmp_path)
    header = read_header(tmp_path / f"clip.{extension}")
    assert header.sample_rate == rates[0]
    ends = np.cumsum(
        [round(len(y) * rates[0] / r) for y, r in zip(clips, rates, strict=True)]
    )
    assert abs(len(found) - ends[-1]) <= 1
    assert abs(header.n_samples - ends[-1]) <= 1 or extension == "flac"
    np.testing.assert_array_equal(found[: len(clips[0])], clips[0])
    np.testing.assert_array_equal(found[-len(clips[2]) :], clips[2])
    assert not len(check_audio([tmp_path / f"clip.{extension}"], verbose=False))


def read_header_of(data, extension, folder):
    (folder / f"part.{extension}").write_bytes(data)
    return read_header(folder / f"part.{extension}")


@pytest.mark.parametrize("n_parts", [2, 3])
@pytest.mark.parametrize("extension", sorted(CONTAINERS))
def test_the_same_file_again_and_again(tmp_path, extension, n_parts):
    part = encoded(extension)
    found = decoded(part * n_parts, extension, tmp_path)
    expected = np.tile(decoded(part, extension, tmp_path), n_parts)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("first", ["wav", "aiff", "mp3", "ogg", "caf"])
@pytest.mark.parametrize("second", ["wav", "aiff", "mp3", "ogg", "flac"])
def test_joined_files_of_two_formats(tmp_path, first, second):
    parts = [encoded(first), encoded(second)]
    expected = [
        decoded(p, e, tmp_path) for p, e in zip(parts, (first, second), strict=True)
    ]
    found = decoded(b"".join(parts), first, tmp_path)
    np.testing.assert_array_equal(found, np.concatenate(expected))


@pytest.mark.parametrize("extension", ["wav", "aiff", "flac", "ogg", "mp3", "w64"])
def test_tags_in_front_of_any_format(tmp_path, extension):
    data = encoded(extension)
    found = decoded(ID3V2 * 2 + data, extension, tmp_path)
    np.testing.assert_array_equal(found, decoded(data, extension, tmp_path))


def test_parts_of_one_rate_are_resampled_as_one(tmp_path):
    y = music(6.0)
    halves = encoded("flac", y[:50000]) + encoded("flac", y[50000:])
    whole = decoded(encoded("flac", y), "flac", tmp_path, sample_rate=16000)
    found = decoded(halves, "flac", tmp_path, sample_rate=16000)
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_the_limit_holds_for_all_parts_together(tmp_path):
    data = encoded("ogg") * 3
    assert refused(data, "ogg", tmp_path, max_duration=5.9) == "too_long"
    assert len(decoded(data, "ogg", tmp_path, max_duration=6.0)) == 6 * RATE


def test_a_part_that_was_cut_is_noticed(tmp_path):
    ogg = encoded("ogg")
    assert refused(ogg[: len(ogg) // 2] + ogg, "ogg", tmp_path) == "truncated"
    flac = encoded("flac")
    assert refused(flac[: len(flac) // 2] + flac, "flac", tmp_path) == "truncated"


# Chunks


@pytest.mark.parametrize("size", ["zero", "half", "unknown"])
@pytest.mark.parametrize("tail", [b"", LIST, ID3V1])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "IMA_ADPCM", "ULAW"])
def test_wav_files_that_are_longer_than_they_say(tmp_path, subtype, tail, size):
    wav = encoded("wav", subtype=subtype)
    at = wav.find(b"data") + 4
    (n_bytes,) = struct.unpack_from("<I", wav, at)
    half = n_bytes // 2 - n_bytes // 2 % 2048
    sizes = {"zero": 0, "half": half, "unknown": 0xFFFFFFFF}
    expected = decoded(wav, "wav", tmp_path)
    found = decoded(packed(wav, at, "<I", sizes[size]) + tail, "wav", tmp_path)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("subtype", ["PCM_U8", "ULAW", "ALAW"])
@pytest.mark.parametrize("share", [0.3, 0.4, 0.5, 0.6])
def test_samples_that_look_like_the_name_of_a_chunk(tmp_path, subtype, share):
    y = 0.5 * np.sin(np.arange(20_000) / 500) - 0.2  # long runs of printable bytes
    wav = encoded("wav", y, subtype=subtype)
    at = wav.find(b"data") + 4
    (n_bytes,) = struct.unpack_from("<I", wav, at)
    short = packed(wav, at, "<I", int(share * n_bytes) // 2 * 2)
    expected = decoded(wav, "wav", tmp_path)
    np.testing.assert_array_equal(decoded(short, "wav", tmp_path), expected)


@pytest.mark.parametrize(
    "extension, mark, offset, number, sizes",
    [
        ("aiff", b"SSND", 4, ">I", (0, 8, 2000)),
        ("au", b".snd", 8, ">I", (0, 2000)),
        ("caf", b"data", 4, ">Q", (4, 2000, 2**64 - 1)),
        ("rf64", b"ds64", 16, "<Q", (0, 2000, 2**64 - 1)),
        ("w64", b"data\xf3", 16, "<Q", (0, 24, 2000, 2**63 - 1)),
    ],
)
def test_other_files_that_are_longer_than_they_say(
    tmp_path, extension, mark, offset, number, sizes
):
    data = encoded(extension)
    expected = decoded(data, extension, tmp_path)
    for size in sizes:
        mended = packed(data, data.find(mark) + offset, number, size)
        found = decoded(mended, extension, tmp_path)
        np.testing.assert_array_equal(found, expected, str(size))


def test_what_follows_the_samples_is_no_sound(tmp_path):
    wav = encoded("wav")
    expected = decoded(wav, "wav", tmp_path)
    broken = b"LIST\xff\xff\0\0INFO" + os.urandom(500)
    odd = encoded("wav", music()[:1001], subtype="PCM_U8")
    unpadded = odd[: odd.find(b"data") + 8 + 1001]
    assert len(decoded(unpadded + LIST, "wav", tmp_path)) == 1001
    for tail in (LIST, LIST + LIST, ID3V1, ID3V2, bytes(5000), b"\r\n", broken):
        found = decoded(wav + tail, "wav", tmp_path)
        np.testing.assert_array_equal(found, expected)


def test_an_empty_recording_is_empty_whatever_follows(tmp_path):
    wav = encoded("wav", music()[:0])
    for tail in (b"", LIST, ID3V1):
        assert refused(wav + tail, "wav", tmp_path) == "empty"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_samples_that_begin_behind_the_end_of_the_file(tmp_path, size):
    au = encoded("au")
    for offset in (len(au) + 1, 0x7FFFFFFF, 0xFFFFFFFF):
        broken = packed(au, 4, ">II", offset, size)
        assert refused(broken, "au", tmp_path) in ("undecodable", "empty", "truncated")


@pytest.mark.parametrize("tail", [b"", LIST])
def test_sizes_that_wrapped_at_4_gib_are_unwrapped(tmp_path, tail):
    wav = encoded("wav", music()[:100])
    at, n_bytes = wav.find(b"data"), (1 << 32) + 200_000
    path = tmp_path / "long.wav"
    with open(path, "wb") as file:
        file.write(packed(wav, at + 4, "<I", n_bytes % (1 << 32)))
        file.truncate(at + 8 + n_bytes)  # takes no room on the disk
        file.seek(at + 8 + n_bytes)
        file.write(tail)
    assert read_header(path).n_samples == n_bytes // 2


# FLAC and Ogg


@pytest.mark.parametrize("head", [b"", ID3V2])
@pytest.mark.parametrize("tail", [b"", ID3V1])
@pytest.mark.parametrize("n_samples", [0, 1, 20_000])
def test_flac_files_that_are_longer_than_they_say(tmp_path, head, tail, n_samples):
    flac = encoded("flac")
    (numbers,) = struct.unpack_from(">Q", flac, 18)
    short = packed(flac, 18, ">Q", numbers >> 36 << 36 | n_samples)
    found = decoded(head + short + tail, "flac", tmp_path)
    np.testing.assert_array_equal(found, decoded(flac, "flac", tmp_path))


@pytest.mark.parametrize("rate", [8000, 12345, 96000])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_flac_frames_of_every_kind_are_found(tmp_path, subtype, n_channels, rate):
    y = np.stack([music(0.7, rate)] * n_channels, axis=1)
    flac = encoded("flac", y, rate, subtype=subtype)
    (numbers,) = struct.unpack_from(">Q", flac, 18)
    unknown = packed(flac, 18, ">Q", numbers >> 36 << 36)
    assert len(decoded(unknown, "flac", tmp_path)) == len(y)


def test_flac_that_was_cut_out_of_the_middle(tmp_path):
    y = music(8.0)
    flac = encoded("flac", y)
    info = _flac.read_info(flac)
    starts, number = [], 0
    for match in _flac.SYNC.finditer(flac):
        frame = _flac._read_frame(flac[match.start() :][:16], info)
        if frame is not None and frame[0] == number:  # not what only looks like one
            starts.append(match.start())
            number = frame[1]
    assert number == len(y)
    middle = flac[: starts[0]] + flac[starts[10] : starts[30]]
    found = decoded(middle, "flac", tmp_path)
    expected = y[10 * info.block_size : 30 * info.block_size]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def pages(ogg):
    """Return where the pages of an Ogg file begin, and its end."""
    starts = [0]
    while starts[-1] < len(ogg):
        start = starts[-1]
        segments = ogg[start + 27 : start + 27 + ogg[start + 26]]
        starts.append(start + 27 + len(segments) + sum(segments))
    return starts


@pytest.mark.parametrize("extension", ["ogg", "opus"])
def test_missing_and_damaged_pages_are_noticed(tmp_path, extension):
    ogg = encoded(extension, music(12.0, 48000), 48000)
    starts = pages(ogg)
    assert len(starts) > 9
    hole = ogg[: starts[5]] + ogg[starts[7] :]
    assert refused(hole, extension, tmp_path) == "truncated"
    flipped = bytearray(ogg)
    flipped[starts[5] + 300] ^= 4
    assert refused(bytes(flipped), extension, tmp_path) == "truncated"
    assert len(decoded(hole, extension, tmp_path, truncated="accept")) > 8 * 48000
    assert refused(ogg[: starts[5]], extension, tmp_path) == "truncated"


def test_a_live_stream_that_was_joined_in_the_middle_is_whole(tmp_path):
    ogg = encoded("ogg", music(12.0, 48000), 48000)
    starts = pages(ogg)
    expected = decoded(ogg, "ogg", tmp_path)
    live = ogg[: starts[2]] + ogg[starts[5] :]
    found = decoded(live, "ogg", tmp_path, max_duration=12.0)
    assert 4 * 48000 < len(found) < 12 * 48000
    np.testing.assert_allclose(found[-48000:], expected[-48000:], atol=1e-6)


# The decoder


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep stderr constant"
)
def test_the_decoder_says_nothing_by_itself(tmp_path):
    bare = without_count(vbr())
    (tmp_path / "joined late.mp3").write_bytes(bare[len(bare) // 2 :])
    (tmp_path / "noise.mp3").write_bytes(os.urandom(20_000))
    (tmp_path / "damaged.mp3").write_bytes(bare[:3000] + os.urandom(99) + bare[3099:])
    code = (
        "import os, sys; from skdeepmir import check_audio; "
        "check_audio(sys.argv[1:], verbose=False); "
        "print('heard', file=sys.stderr)"
    )
    paths = map(str, tmp_path.iterdir())
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True)
    assert done.stderr.decode().split() == ["heard"]


@given(
    st.lists(st.binary(max_size=9) | st.tuples(*[st.integers(0, 40)] * 2), max_size=6),
    st.lists(st.tuples(st.integers(-5, 60), st.integers(0, 30)), max_size=8),
)
def test_pieces_read_as_the_bytes_that_they_stand_for(parts, reads):
    source = bytes(range(40))
    pieces = tuple(p if isinstance(p, bytes) else range(*sorted(p)) for p in parts)
    whole = b"".join(p if isinstance(p, bytes) else source[p.start : p.stop]
                     for p in pieces)  # fmt: skip
    file, expected = Pieces(io.BytesIO(source), pieces), io.BytesIO(whole)
    assert file.seek(0, os.SEEK_END) == len(whole)
    for position, n_bytes in reads:
        assert file.seek(max(position, 0)) == expected.seek(max(position, 0))
        assert file.read(n_bytes) == expected.read(n_bytes)
        assert file.tell() == expected.tell()
