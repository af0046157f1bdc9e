"""WAV files against the readers of SciPy and of Python's own library."""

import contextlib
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from runner.data.audio.wav import fitted, read_wav, resample
from runner.errors import RunFailed


def sine(hertz, rate, seconds=0.5):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["uint8", "int16", "int32", "float32", "float64"])
def test_forms_that_scipy_writes(tmp_path, form, channels):
    mono = np.stack([sine(440, 8000), sine(300, 8000)][:channels], 1)
    if form.startswith("float"):
        values = mono.astype(form)
    elif form == "uint8":
        values = np.rint(mono * 127 + 128).astype(np.uint8)
    else:
        values = np.rint(mono * np.iinfo(form).max).astype(form)
    path = tmp_path / "a.wav"
    wavfile.write(path, 8000, values)
    clip = read_wav(path)
    assert (clip.rate, clip.seconds, clip.samples.dtype) == (8000, 0.5, np.int16)
    assert np.abs(clip.samples / 32768 - mono.mean(1)).max() < (0.01 if form == "uint8" else 1e-4)


def test_24_bits_and_as_many_seconds_as_are_wanted(tmp_path):
    values = np.array([0, 1 << 22, -(1 << 22), (1 << 23) - 1, -(1 << 23)], np.int32)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(1000)
        file.writeframes(b"".join(int(v).to_bytes(3, "little", signed=True) for v in values))
    assert read_wav(path).samples.tolist() == [0, 16384, -16384, 32767, -32768]
    short = read_wav(path, seconds=0.002)
    assert short.samples.tolist() == [0, 16384]
    assert short.seconds == 0.005


def test_so_many_seconds_are_of_every_channel(tmp_path):
    wavfile.write(tmp_path / "a.wav", 1000, np.repeat(np.arange(0, 6000, 1000, dtype=np.int16)[:, None], 3, axis=1))
    short = read_wav(tmp_path / "a.wav", seconds=0.004)
    assert (short.samples.tolist(), short.seconds) == ([0, 1000, 2000, 3000], 0.006)


PCM_16 = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)


def wav_bytes(fmt=PCM_16, data=b"\1\0\2\0", size=None, before=b""):
    size = len(data) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + before + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@pytest.mark.parametrize(
    "content",
    [
        wav_bytes(before=b"LIST" + struct.pack("<I", 3) + b"abc\0"),  # of odd length: a byte follows it
        wav_bytes(size=0xFFFFFFFF),  # written into a pipe
        wav_bytes(fmt=struct.pack("<HHIIHHHHI", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4) + b"\1\0" + bytes(14)),
        wav_bytes(data=b"\1\0\2\0\3"),  # half a sample at its end
    ],
)
def test_headers_of_other_programs(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    assert read_wav(tmp_path / "a.wav").samples.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"RIFF", "its header is cut short"),
        (b"<html>not a sound, but a page</html>", "no RIFF and WAVE"),
        (wav_bytes()[:30], "its header is cut short"),
        (wav_bytes(size=4000), "cut short: 4 of the 4,000 bytes"),
        (wav_bytes(data=b""), "it has no samples"),
        (wav_bytes()[:36], "no chunk called data"),
        (wav_bytes(fmt=struct.pack("<HHIIHH", 85, 2, 44100, 16000, 1, 0)), "format is number 85"),
        (wav_bytes(fmt=struct.pack("<HHIIHH", 1, 0, 8000, 0, 0, 16)), "no channels"),
        (wav_bytes(fmt=struct.pack("<HHIIHH", 1, 1, 0xFFFFFFFF, 0, 2, 16)), "4,294,967,295 samples in a second"),
        (
            wav_bytes(fmt=struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32), data=struct.pack("<f", float("nan"))),
            "no numbers: NaN",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, reason):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(RunFailed, match=rf"a\.wav can't be read as a WAV file \(.*{reason}"):
        read_wav(tmp_path / "a.wav")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 60), st.integers(0, 255))
def test_no_bytes_make_it_fail_otherwise(tmp_path_factory, tail, cut, byte):
    content = bytearray(wav_bytes(data=tail))
    content[cut % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "any.wav"
    path.write_bytes(bytes(content[: len(content) - cut % 7]))
    with contextlib.suppress(RunFailed):
        assert len(read_wav(path, 1.0).samples)


@pytest.mark.parametrize(("rate", "to"), [(44100, 16000), (8000, 16000), (11025, 8000)])
def test_another_rate_is_the_same_sound(rate, to):
    made = resample((sine(440, rate) * 32768).astype(np.int16), rate, to) / 32768
    inner = slice(to // 20, -to // 20)  # filters ring at the ends
    assert np.abs(made - sine(440, to)[: len(made)])[inner].max() < 0.005
    high = resample((sine(to * 0.7, rate) * 32768).astype(np.int16), rate, to) if rate > 1.5 * to else None
    if high is not None:  # what the new rate can't hold does not come back as another tone
        assert np.abs(high[inner]).max() < 400


def test_shorter_clips_are_followed_by_silence():
    assert fitted(np.array([1, 2, 3], np.int16), 5).tolist() == [1, 2, 3, 0, 0]
    assert fitted(np.array([1, 2, 3], np.int16), 2).tolist() == [1, 2]
