"""Broken and odd files, byte by byte, as soundfile writes only good ones."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

RATE = 22050


def tone(
    seconds: float = 1.0, rate: int = RATE, freq: float = 440.0, level: float = 0.5
) -> np.ndarray:
    """Return a sine with a little overtone, float64 in [-1, 1]."""
    t = np.arange(round(seconds * rate)) / rate
    fundamental, overtone = np.sin(2 * np.pi * freq * t), np.sin(4 * np.pi * freq * t)
    return level * (0.8 * fundamental + 0.2 * overtone)


def wav_bytes(
    pcm: bytes,
    *,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    tag: int = 1,
    data_size: int | None = None,
) -> bytes:
    """Return a RIFF/WAVE file around ``pcm`` whose header fields may be lies."""
    block = max(1, channels * bits // 8)
    data_size = len(pcm) if data_size is None else data_size
    rates = rate, (rate * block) & 0xFFFFFFFF
    fmt = struct.pack("<HHIIHH", tag, channels & 0xFFFF, *rates, block & 0xFFFF, bits)
    return b"".join(
        [
            b"RIFF",
            struct.pack("<I", (36 + data_size) & 0xFFFFFFFF),
            b"WAVEfmt ",
            struct.pack("<I", len(fmt)),
            fmt,
            b"data",
            struct.pack("<I", data_size & 0xFFFFFFFF),
            pcm,
        ]
    )


def float_wav_bytes(y: Any, dtype: str = "<f4") -> bytes:
    """Return a float WAV of y, (n_samples,) or (n_samples, n_channels)."""
    # soundfile puts the time of day into float files, so that no two are the same.
    y = np.asarray(y, dtype=dtype)
    channels = 1 if y.ndim == 1 else y.shape[1]
    return wav_bytes(y.tobytes(), channels=channels, bits=8 * y.itemsize, tag=3)


def pcm16(y: np.ndarray) -> bytes:
    """Return little-endian 16-bit samples."""
    return (np.clip(y, -1, 1) * 32767).astype("<i2").tobytes()


def set_flac_length(raw: bytes, n_samples: int) -> bytes:
    """Rewrite the 36 bits of a FLAC header that say how many samples there are."""
    out = bytearray(raw)
    out[21] = (out[21] & 0xF0) | ((n_samples >> 32) & 0x0F)
    out[22:26] = struct.pack(">I", n_samples & 0xFFFFFFFF)
    return bytes(out)


def write_silence(path: Path, seconds: float, rate: int = 44100) -> None:
    """Write a long file block by block: silence, and a click every ten minutes."""
    block = np.zeros(rate * 10, dtype=np.int16)
    n_samples = int(seconds * rate)
    with sf.SoundFile(path, "w", samplerate=rate, channels=1) as out:
        for start in range(0, n_samples, len(block)):
            part = block[: n_samples - start].copy()
            if start % (600 * rate) == 0:
                part[:8] = 16000
            out.write(part)


def add_broken_containers(c: Any) -> None:
    """Add files that are not what their name or header says."""
    # The first draw, so that each seed has its own noise.
    y = tone(5.0) + np.clip(0.1 * c.rng.standard_normal(5 * RATE), -1, 1)
    y = np.clip(y, -1, 1)
    wav, flac, ogg, mp3 = (
        c.encoded(f"whole.{ext}", y, subtype=subtype)
        for ext, subtype in (
            ("wav", "PCM_16"),
            ("flac", "PCM_16"),
            ("ogg", "VORBIS"),
            ("mp3", None),
        )
    )
    pcm = pcm16(y)
    flipped = bytearray(flac)
    flipped[len(flac) // 2] ^= 0xFF
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64
    m4a = struct.pack(">I", 24) + b"ftypM4A \0\0\0\0M4A mp42" + bytes(500)

    # Truncated files.
    c.bad_file("zero_byte", "zero_byte.wav", b"", "empty")
    c.bad_file("wav_header_only", "header_only.wav", wav_bytes(b""), "empty")
    c.bad_file("wav_cut_in_header", "cut_header.wav", wav[:20], "undecodable")
    c.bad_file("wav_cut_half", "cut_half.wav", wav[: len(wav) // 2], "truncated")
    c.bad_file("wav_cut_mid_sample", "cut_mid.wav", wav[:-7], "truncated")
    c.bad_file("flac_cut_in_header", "cut_header.flac", flac[:20], "undecodable")
    c.bad_file("flac_cut_half", "cut_half.flac", flac[: len(flac) // 2], "truncated")
    why = "frame CRC is wrong"
    c.bad_file("flac_bit_flip", "flip.flac", bytes(flipped), "truncated", why)
    c.bad_file("ogg_cut_in_header", "cut_header.ogg", ogg[:60], "undecodable")
    half = ogg[: len(ogg) // 2]
    c.bad_file("ogg_cut_half", "cut_half.ogg", half, "truncated", "no end page")
    half = mp3[: len(mp3) // 2]
    c.bad_file("mp3_cut_half", "cut_half.mp3", half, "truncated", "Xing count")
    rest = mp3[len(mp3) // 2 :]
    c.good_file("mp3_no_start", "no_start.mp3", rest, "MP3 resynchronises")
    padded = b"\0" * 4096 + mp3
    c.good_file("mp3_junk_first", "junk.mp3", padded, "padding comes first")
    c.bad_file("mp3_few_bytes", "few.mp3", mp3[:100], "undecodable")

    # Headers that lie.
    raw = wav_bytes(pcm, data_size=0xFFFFFFFF)
    why = "0xFFFFFFFF means unknown: what ffmpeg writes to a pipe"
    c.good_file("wav_says_4gb", "says_4gb.wav", raw, why)
    raw = wav_bytes(pcm, data_size=0)
    why = "what a crashed recorder leaves; the samples are there"
    c.good_file("wav_says_zero", "says_zero.wav", raw, why)
    raw = set_flac_length(flac, 2**36 - 1)
    why = "36 days in 200 kB: the reader allocates what the header says"
    c.bad_file("flac_says_2_36", "says_2_36.flac", raw, "too_long", why)
    raw = set_flac_length(flac, 0)
    why = "0 means unknown, which encoders write to a pipe; libsndfile 1.2.2 refuses"
    c.good_file("flac_says_nothing", "says_nothing.flac", raw, why)
    raw = wav_bytes(pcm, rate=0)
    c.bad_file("wav_rate_zero", "rate_0.wav", raw, "bad_header")
    raw = wav_bytes(pcm16(tone(10.0)), rate=1)
    why = "resampling to 22050 Hz multiplies the size by 22050"
    c.bad_file("wav_rate_1hz", "rate_1.wav", raw, "bad_header", why)
    raw = wav_bytes(pcm, rate=2_000_000_000)
    c.bad_file("wav_rate_2e9", "rate_2e9.wav", raw, "bad_header")
    raw = wav_bytes(pcm, channels=0)
    c.bad_file("wav_channels_zero", "channels_0.wav", raw, "bad_header")
    raw = wav_bytes(pcm, channels=65535)
    c.bad_file("wav_channels_65535", "channels_65535.wav", raw, "bad_header")
    raw = wav_bytes(pcm, tag=0x2000)
    c.bad_file("wav_unknown_codec", "codec.wav", raw, "undecodable", "AC-3 in WAV")

    # Names that lie.
    c.good_file("flac_named_wav", "really_flac.wav", flac, "the content decides")
    c.good_file("wav_named_mp3", "really_wav.mp3", wav)
    c.good_file("wav_no_extension", "no_extension", wav)
    raw = b"This is not audio.\n" * 50
    c.bad_file("text_named_wav", "text.wav", raw, "undecodable")
    raw = b"<!DOCTYPE html><title>404</title>" * 40
    why = "a download that saved the error page"
    c.bad_file("html_named_mp3", "error_page.mp3", raw, "undecodable", why)
    raw = lfs + b"\nsize 1323044\n"
    why = "a clone without git-lfs"
    c.bad_file("lfs_pointer", "pointer.wav", raw, "undecodable", why)
    raw = b"\x89PNG\r\n\x1a\n" + bytes(4000)
    c.bad_file("png_named_mp3", "cover.mp3", raw, "undecodable")
    raw = b"PK\x03\x04" + bytes(2000)
    c.bad_file("zip_named_flac", "archive.flac", raw, "undecodable")
    raw = c.rng.bytes(8000)
    c.bad_file("random_named_wav", "random.wav", raw, "undecodable")
    c.bad_file("m4a_stub", "song.m4a", m4a, "undecodable", "AAC: not in libsndfile")


def add_odd_signals(c: Any, hours: float) -> None:
    """Add files that decode, with samples or formats that trip feature extractors."""
    y = tone()
    silence = np.zeros(RATE)
    stereo = np.stack([tone(), tone(freq=330.0)], axis=1)
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        bad = y.copy()
        bad[1000] = value
        raw = float_wav_bytes(bad)
        c.bad_file(f"{name}_samples", f"{name}.wav", raw, "not_finite")
    c.audio("silent", "silent.wav", silence, why="log(0), 0/0 in normalisation")
    c.audio("half_silent", "half_silent.wav", np.concatenate([y, silence]))
    c.audio("dc_only", "dc.wav", np.full(RATE, 0.5), why="constant, not silent")
    c.good_file("very_quiet", "quiet.wav", float_wav_bytes(y * 1e-6))
    raw = float_wav_bytes(y * 1e-42, "<f8")
    c.good_file("denormal", "denormal.wav", raw, "slow and flushes to 0")
    c.good_file("huge_gain", "loud.wav", float_wav_bytes(y * 1e6))
    raw = float_wav_bytes(y * 1e38)
    why = "finite samples whose power is infinite in float32"
    c.bad_file("overflow_gain", "overflow.wav", raw, "not_finite", why)
    c.audio("clipped", "clipped.wav", np.sign(y) * 0.999969)
    raw = float_wav_bytes(np.stack([y, -y], axis=1))
    why = "not silent, but the mono mix is"
    c.good_file("antiphase_stereo", "antiphase.wav", raw, why)
    one = np.array([0.5])
    c.audio("one_sample", "one_sample.wav", one, why="shorter than any frame")
    c.audio("two_samples", "two_samples.wav", np.array([0.5, -0.5]))
    why = "500 samples, n_fft 2048"
    c.audio("below_n_fft", "short.wav", tone(500 / RATE), why=why)
    why = "100 samples, hop 512"
    c.audio("below_hop", "shorter.wav", tone(100 / RATE), why=why)
    for rate in (8000, 11003, 44101, 96000, 192000):
        c.audio(f"rate_{rate}", f"rate_{rate}.wav", tone(rate=rate), rate)
    c.audio("stereo", "stereo.wav", stereo)
    c.audio("six_channels", "six.wav", np.tile(y[:, None], (1, 6)))
    c.good_file("wav_float", "subtype_FLOAT.wav", float_wav_bytes(y))
    c.good_file("wav_double", "subtype_DOUBLE.wav", float_wav_bytes(y, "<f8"))
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "MS_ADPCM"):
        name = f"wav_{subtype.lower()}"
        c.audio(name, f"subtype_{subtype}.wav", y, subtype=subtype)
    c.audio("aiff", "clip.aiff", y)
    c.audio("w64", "clip.w64", y)
    c.audio("opus", "clip.opus", tone(rate=48000), 48000, format="OGG", subtype="OPUS")
    c.audio("mp3", "clip.mp3", y)
    c.audio("ogg", "clip.ogg", y)

    if hours:
        path = c.root / "long_silence.flac"
        write_silence(path, hours * 3600)
        size = path.stat().st_size
        why = f"{hours:g} h in {size} bytes; 'ok' when the limit allows it"
        c.item("long_silence", str(path), "error", "too_long", why)
