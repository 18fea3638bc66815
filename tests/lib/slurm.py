"""A Slurm cluster of two nodes on this machine, for as long as a test lasts.

    why = slurm.missing()                       # what it cannot be done for here, or None
    with slurm.Cluster(folder) as cluster:
        cluster.run("srun", "-N2", "hostname")
        cluster.power_off("n2")                 # every process of the node at once, as a cut cable does

`control`, n1 and n2 have a network, process numbers and a host name of their own each; the nodes hang on a
bridge of control by pairs of veth devices, and nothing of it reaches the machine's network. The
CLOCK_MONOTONIC of n2 is more than a day ahead, as that of another machine would be. All of it ends with the
test, however that ends.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile

from program import Program, wait_until

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "sinfo", "ip", "nsenter", "setpriv", "unshare")
AHEAD = 100_000  # seconds
CONTROL = "control"
NODES = {"n1": (), "n2": ("--time", "--monotonic", str(AHEAD))}  # and what else each has to itself
ADDRESSES = {CONTROL: "10.219.7.1", "n1": "10.219.7.2", "n2": "10.219.7.3"}
CONF = """\
ClusterName=flatline
SlurmctldHost=control({addresses[control]})
SlurmctldPidFile={folder}/slurmctld.pid
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
SlurmdTimeout={node_timeout}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CredType=cred/munge
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
NodeName=n1 NodeAddr={addresses[n1]} CPUs=2 RealMemory=1000
NodeName=n2 NodeAddr={addresses[n2]} CPUs=2 RealMemory=1000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=30 State=UP
"""
# What each host runs; the shell is its init, which also reaps what has lost its parent. A munged of its
# own, since what one of them has seen before it calls a replay.
HOST = """\
hostname {name}
ip link set lo up
mount --bind {folder}/{name}.run {folder}/run
munged --foreground --force --socket={folder}/run/munge.sock --key-file={folder}/munge.key \
    --pid-file={folder}/{name}.munge.pid --log-file={folder}/{name}.munge.log --seed-file={folder}/{name}.seed &
while [ ! -e {conf} ] || [ ! -e {folder}/run/munge.sock ]; do sleep 0.05; done
{daemon} &
wait
"""


def unshare(more):
    """A command that runs another in namespaces of its own, and dies with whoever started it."""
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
            "--uts", "--net", *more]


def missing():
    """Why there can be no cluster here; None: there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if absent:
        return "not installed: " + ", ".join(absent)
    bridge = "ip link add bridge type bridge"
    done = subprocess.run([*unshare(NODES["n2"]), "sh", "-c", bridge], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "no namespaces of our own: " + done.stderr.strip()


class Cluster:
    """Started and idle once it is made."""

    def __init__(self, folder, node_timeout=10):
        self.stack = contextlib.ExitStack()
        # Paths in a configuration of Slurm are absolute, and a socket's is short.
        self.folder = tempfile.mkdtemp(prefix="cluster-", dir=os.path.abspath(folder))
        self.hosts = {}
        self.conf = self.path("slurm.conf")
        self.environment = dict(os.environ, PATH=PATH, SLURM_CONF=self.conf)
        try:
            self.start(node_timeout)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.stack.close()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, node_timeout):
        for name in ("state", "run", *NODES, *(host + ".run" for host in ADDRESSES)):
            os.mkdir(self.path(name))
        with open(os.open(self.path("munge.key"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
            key.write(os.urandom(128))
        self.start_host(CONTROL, "slurmctld -D -c -f " + self.conf)
        self.ip(CONTROL, "link", "add", "bridge", "type", "bridge")
        self.ip(CONTROL, "addr", "add", ADDRESSES[CONTROL] + "/24", "dev", "bridge")
        self.ip(CONTROL, "link", "set", "bridge", "up")
        for name, namespaces in NODES.items():
            self.start_host(name, "slurmd -D -N %s -f %s" % (name, self.conf), namespaces)
            self.connect(name)
        # With it in place, the daemons start.
        with open(self.conf + ".new", "w", encoding="utf-8") as file:
            file.write(CONF.format(addresses=ADDRESSES, folder=self.folder, node_timeout=node_timeout))
        os.rename(self.conf + ".new", self.conf)
        wait_until(lambda: all(self.state(name) == "idle" for name in NODES))

    def start_host(self, name, daemon, namespaces=()):
        script = HOST.format(name=name, folder=self.folder, conf=self.conf, daemon=daemon)
        self.hosts[name] = self.stack.enter_context(
            Program(*unshare(namespaces), "sh", "-c", script, env=self.environment))

    def connect(self, name):
        """A cable from a node to control. It goes when the node goes."""
        near = "to-" + name
        self.ip(CONTROL, "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", self.init_of(name))
        self.ip(CONTROL, "link", "set", near, "master", "bridge", "up")
        self.ip(name, "addr", "add", ADDRESSES[name] + "/24", "dev", "eth0")
        self.ip(name, "link", "set", "eth0", "up")

    def init_of(self, name):
        """The first process of a host."""
        path = "/proc/{0}/task/{0}/children".format(self.hosts[name].process.pid)

        def child():
            with open(path, encoding="ascii") as file:
                return file.read().split()

        return wait_until(child)[0]

    def enter(self, name):
        """What makes a command one of that host: as a user of it, past Slurm. Its clock stays the machine's."""
        return ["nsenter", "-t", self.init_of(name), "-m", "-n", "-u", "-p"]

    def ip(self, name, *words):
        """In a host's network, but with the machine's process numbers: a cable has two ends."""
        subprocess.run(["nsenter", "-t", self.init_of(name), "-n", "ip", *words], env=self.environment, check=True)

    def run(self, *argv, timeout=120, **env):
        """A command of a user of the cluster, to its end."""
        return subprocess.run([*self.enter(CONTROL), *argv], env=dict(self.environment, **env), capture_output=True,
                              text=True, timeout=timeout, check=False)

    def start_command(self, *argv, **env):
        """The same, while the test goes on: a Program."""
        return self.stack.enter_context(
            Program("setpriv", "--pdeathsig", "KILL", *self.enter(CONTROL), *argv, env=dict(self.environment, **env)))

    def state(self, name):
        done = self.run("sinfo", "--noheader", "--Node", "--nodes=" + name, "--format=%T")
        return done.stdout.strip()

    def power_off(self, name):
        os.kill(int(self.init_of(name)), signal.SIGKILL)
        self.hosts[name].process.wait()
