"""Starts an image that build.py made, by its configuration: run.py OUT, as root, in new mount and network namespaces
(unshare --mount --net). The sandbox of the same program acts as Telegram.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BOT_API = "http://127.0.0.1:8081"
# The token of the sandbox's bot, which is valid nowhere else.
TOKEN = "123456789:AAtestSandboxTokenOfDoorbell0123456789"


def main(out):
    config = json.loads((out / "config.json").read_text())
    owner, group = map(int, config["user"].split(":"))
    assert owner != 0 and group != 0, f"USER {config['user']} is root"
    [port] = config["ports"]
    loopback_up()
    root = out / "root"
    like_a_container(root)
    data = Path(tempfile.mkdtemp(dir=out))
    os.chown(data, owner, group)
    telegram = subprocess.Popen(
        [root / config["entrypoint"][0].lstrip("/"), "sandbox", "--port", "20000", "--bot-api-port", "8081"],
        cwd=tempfile.mkdtemp(dir=out), env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        within(30, "the sandbox is ready", lambda: alive(telegram) and get("http://127.0.0.1:20000/readyz"))
        for title, container, variables in (
            ("a fresh container", Container(config, root), {}),
            ("the same container, started again", Container(config, root), {}),
            ("memory: on a read-only root", Container(config, read_only(out, root)), {"DATABASE_URL": "memory:"}),
            ("a volume on a read-only root", Container(config, read_only(out, root, data, config)), {}),
        ):
            container.serves(title, port, variables)
        for mount_point in (root / config["workdir"].lstrip("/") / "data", data):
            inbox = mount_point / "doorbell.db"
            assert inbox.stat().st_uid == owner, f"{inbox} does not exist, or does not belong to the user"
    finally:
        telegram.kill()
        telegram.wait()


class Container:
    """A root file system and the configuration to start the program in it."""

    def __init__(self, config, root):
        self.config, self.root = config, root

    def start(self, arguments, variables, **streams):
        owner, group = map(int, self.config["user"].split(":"))

        def enter():
            os.chroot(self.root)
            os.chdir(self.config["workdir"])
            os.setgroups([])
            os.setgid(group)
            os.setuid(owner)

        return subprocess.Popen([*self.config["entrypoint"], *arguments], env=self.config["env"] | variables,
                                preexec_fn=enter, stdin=subprocess.DEVNULL, **streams)

    def serves(self, title, port, variables):
        """Checks that it becomes healthy and ready on its own port, receives an update, replies and stops at the signal."""
        url = f"http://localhost:{port}"
        reply = f"a reply from {title}"
        variables = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": "http://localhost:8081", "PUBLIC_URL": url,
                     "DOORBELL__WEBHOOK__TAKEOVER": "always", "DOORBELL__FALLBACK__REPLY": reply} | variables
        log = tempfile.TemporaryFile()
        service = self.start(self.config["cmd"], variables, stdout=log, stderr=log)
        try:
            within(30, "it is healthy", lambda: alive(service) and get(f"{url}/healthz"))
            within(30, "it is ready", lambda: alive(service) and get(f"{url}/readyz"))
            status = Path(f"/proc/{service.pid}/status").read_text()
            assert "\nUid:\t0\t" not in status and "\nCapEff:\t0000000000000000\n" in status, "it has root privileges"
            ring = self.start(["ring", "hello", "--url", url], variables, stdout=log, stderr=log)
            assert ring.wait(20) == 0, "the update is not accepted"
            within(20, "it replies", lambda: reply in (get(f"{BOT_API}/sandbox/messages") or ""))
            began = time.monotonic()
            service.send_signal(signal.Signals[self.config["stop_signal"]])
            status = service.wait(30)
            assert status == 0, f"it stopped with exit status {status}"
            print(f"{title}: healthy, ready, received an update, replied, stopped in {time.monotonic() - began:.1f} s", flush=True)
        except BaseException:
            service.kill()
            service.wait()
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            print(f"error: {title}", file=sys.stderr)
            raise


def like_a_container(root):
    """Adds what a container runtime adds to an image: the kernel's file systems and /etc/hosts."""
    for folder in ("proc", "dev"):
        (root / folder).mkdir(exist_ok=True)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    kernel_file_systems(root)


def kernel_file_systems(root):
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    subprocess.run(["mount", "--rbind", "/dev", root / "dev"], check=True)


def read_only(out, root, volume=None, config=None):
    """Mounts the root a second time, read-only, with the volume (if any) at data/ of its WORKDIR."""
    mount_point = Path(tempfile.mkdtemp(dir=out))
    subprocess.run(["mount", "--bind", root, mount_point], check=True)
    if volume:
        subprocess.run(["mount", "--bind", volume, mount_point / config["workdir"].lstrip("/") / "data"], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", mount_point], check=True)
    assert os.statvfs(mount_point).f_flag & os.ST_RDONLY, "the root is writable"
    kernel_file_systems(mount_point)
    return mount_point


def loopback_up():
    """Sets the interface lo up with SIOCGIFFLAGS and SIOCSIFFLAGS (IFF_UP): it is down in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(struct.pack("16sH22x", b"lo", 0))
        fcntl.ioctl(any_socket, 0x8913, request)
        name, flags = struct.unpack("16sH22x", request)
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", name, flags | 1))


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode() or "empty"
    except (urllib.error.URLError, OSError):
        return None


def alive(service):
    assert service.poll() is None, f"it ended by itself, with exit status {service.returncode}"
    return True


def within(seconds, what, look):
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"timeout: {what} was not true within {seconds} s"
        time.sleep(0.05)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve())
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"error: the image does not run: {error}") from None
