"""Records: what follows from what they hold."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import moclink.types
from moclink.types import ChannelState, Demodulated


def test_hard_indices_are_the_likeliest():
    no = np.float32([0.1])
    assert Demodulated(np.float32([[-1, 2, 0]]), no).hard().tolist() == [[0, 1, 0]]
    assert Demodulated(np.float32([[[0, 3, 1], [5, 3, 1]]]), no).hard().tolist() == [[1, 0]]


def test_the_snr_of_a_row_is_the_mean_over_its_symbols():
    fading = np.float32([[0.5, 0.25, 1.0, 1.0]])  # SNRs 2, 4, 1, 1
    assert Demodulated(np.zeros((1, 8), np.float32), fading).snr_db == pytest.approx(
        10 * np.log10(2)
    )


def test_noise_variance_is_that_of_the_channel():
    from moclink.phy.channels import noise_variance

    for snr_db in (-5.0, 3.7, 30.0):
        assert ChannelState(snr_db).no == noise_variance(snr_db)


def test_python_in_the_packages_folder_says_to_leave_it():
    """There this module is found in the place of Python's own `types`, without which little works."""
    folder = Path(moclink.types.__file__).parent
    # Without `site`: what an environment installs may have loaded Python's own before.
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import enum"], cwd=folder, capture_output=True
    )
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.count(b"\n") == 1 and b"start it in another folder" in done.stderr
