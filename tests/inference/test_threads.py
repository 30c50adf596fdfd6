import os
import subprocess
import sys

import pytest

from tfmat.inference.threads import available_threads


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def machine(root, lines, files):
    """Writes /proc/self/cgroup and files of cgroups below a folder."""
    proc = root / "proc" / "self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text("".join(f"{line}\n" for line in lines))
    for name, text in files.items():
        file = root / "sys" / "fs" / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


V2 = ["0::/"]
SLICE = ["0::/system.slice/tfmat.service"]
V1 = ["4:cpu,cpuacct:/docker/0123", "3:memory:/docker/0123", "0::/docker/0123"]


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        pytest.param(V2, {}, 8, id="no limits"),
        pytest.param(V2, {"cpu.max": "max 100000"}, 8, id="no quota"),
        pytest.param(V2, {"cpu.max": "200000 100000"}, 2, id="two cores"),
        pytest.param(V2, {"cpu.max": "50000 100000"}, 1, id="half a core"),
        pytest.param(V2, {"cpu.max": "150000 100000"}, 2, id="one core and a half"),
        pytest.param(V2, {"cpu.max": "1600000 100000"}, 8, id="more than there are"),
        pytest.param(V2, {"cpu.max": "nonsense"}, 8, id="unreadable"),
        pytest.param(
            SLICE, {"system.slice/tfmat.service/cpu.max": "300000 100000"}, 3, id="own cgroup"
        ),
        pytest.param(
            SLICE,
            {
                "system.slice/tfmat.service/cpu.max": "max 100000",
                "system.slice/cpu.max": "400000 100000",
                "cpu.max": "max 100000",
            },
            4,
            id="the cgroup above",
        ),
        pytest.param(
            ["0::/kubepods/pod1/abc"], {"cpu.max": "200000 100000"}, 2, id="path of the host"
        ),
        pytest.param(["0::/../.."], {"cpu.max": "200000 100000"}, 2, id="path outside"),
        pytest.param(
            ["1:name=systemd:/", "0::/job"],
            {"unified/job/cpu.max": "200000 100000"},
            2,
            id="both versions",
        ),
        pytest.param(
            V1,
            {
                "cpu,cpuacct/docker/0123/cpu.cfs_quota_us": "250000",
                "cpu,cpuacct/docker/0123/cpu.cfs_period_us": "100000",
            },
            3,
            id="version 1",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "50000"},
            2,
            id="version 1, path of the host",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            8,
            id="version 1, no quota",
        ),
        pytest.param(
            ["5:cpuset:/x"],
            {"cpuset/x/cpu.cfs_quota_us": "1", "cpuset/x/cpu.cfs_period_us": "1"},
            8,
            id="another controller",
        ),
    ],
)
def test_quotas(tmp_path, lines, files, expected):
    assert available_threads(machine(tmp_path, lines, files)) == expected


def test_no_cgroups_at_all(tmp_path):
    assert available_threads(tmp_path) == 8


@pytest.mark.parametrize(
    ("value", "expected"), [("1", 1), ("3,2", 3), ("1000000", 8), ("0", 1), ("", 8), ("many", 8)]
)
def test_omp_num_threads(tmp_path, monkeypatch, value, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert available_threads(tmp_path) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux pins processes")
def test_a_pinned_process_counts_its_own_cores():
    script = (
        "import os\n"
        "from tfmat.inference import available_threads\n"
        "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
        "print(available_threads())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr
