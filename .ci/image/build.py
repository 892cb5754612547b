"""Builds the image without Docker: build.py CACHE OUT, as root, in a new mount namespace (unshare --mount).

The context is the set of files that Git tracks and .dockerignore allows. The steps of the Dockerfile run in a chroot.
This machine's own system replaces the base image, under an overlay that is discarded. CACHE is mounted at target/ of the
first WORKDIR and is reused by the next run. The file system of the last stage is written to OUT/root, and its
configuration (user, command and so on) to OUT/config.json.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import dockerfile

REPOSITORY = Path(__file__).resolve().parents[2]


def main(cache, out):
    scratch = Path(tempfile.mkdtemp(prefix="doorbell-image-"))
    # This mount is visible only in this mount namespace and ends with it.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", scratch], check=True)
    context = scratch / "context"
    make_context(context)
    built = {}
    stages = dockerfile.stages((REPOSITORY / "Dockerfile").read_text())
    for number, stage in enumerate(stages):
        if stage is stages[-1]:
            root = out / "root"
            root.mkdir()
        else:
            root = scratch / str(number)
        print(f"-- stage {stage.name or number}, FROM {stage.base}", flush=True)
        builder = Builder(root, context, built, cache)
        builder.base(stage.base)
        for name, flags, arguments in stage.steps:
            builder.step(name, flags, arguments)
        built[stage.name or str(number)] = root
    (out / "config.json").write_text(json.dumps(builder.config))


def make_context(context):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True,
                            env=os.environ | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                                              "GIT_CONFIG_VALUE_0": "*"})
    ignore = dockerfile.Ignore((REPOSITORY / ".dockerignore").read_text())
    files = [path for path in listed.stdout.split("\0") if path and ignore.allows(path)]
    context.mkdir()
    for path in files:
        if (REPOSITORY / path).is_file():
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / path, context / path)
    print(f"the context: {len(files)} files in {', '.join(sorted({path.split('/')[0] for path in files}))}", flush=True)


class Builder:
    """One stage: its root directory, and the configuration for its next step."""

    def __init__(self, root, context, built, cache):
        self.root, self.context, self.built, self.cache = root, context, built, cache
        self.shell = ["/bin/sh", "-c"]
        self.config = {"env": {}, "workdir": "/", "user": None, "ports": [], "stop_signal": "SIGTERM", "entrypoint": [],
                       "cmd": []}

    def base(self, base):
        if base == "scratch":
            return
        upper, work = self.root.with_suffix(".upper"), self.root.with_suffix(".work")
        for folder in (upper, work, self.root):
            folder.mkdir()
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        for folder in ("/proc", "/sys", "/dev", "/run"):
            subprocess.run(["mount", "--rbind", folder, self.inside(folder)], check=True)
        # The overlay does not contain these folders if they are on another disk.
        for folder in filter(None, map(os.environ.get, ("CARGO_HOME", "RUSTUP_HOME"))):
            if os.stat(folder).st_dev != os.stat("/").st_dev:
                self.inside(folder).mkdir(parents=True, exist_ok=True)
                subprocess.run(["mount", "--bind", folder, self.inside(folder)], check=True)

    def inside(self, path):
        """The path on this machine of a path in the stage; a relative path starts at WORKDIR."""
        return self.root / os.path.normpath(os.path.join(self.config["workdir"], path)).lstrip("/")

    def step(self, name, flags, arguments):
        print(f"{name} {arguments}", flush=True)
        match name:
            case "RUN":
                self.run(arguments)
            case "COPY":
                self.copy(flags, dockerfile.parse_arguments(arguments))
            case "WORKDIR":
                self.workdir(arguments)
            case "SHELL":
                self.shell = dockerfile.parse_arguments(arguments)
            case "ENV":
                self.config["env"] |= dict(word.split("=", 1) for word in dockerfile.parse_arguments(arguments))
            case "USER":
                self.config["user"] = arguments
            case "EXPOSE":
                self.config["ports"] += map(int, arguments.split())
            case "STOPSIGNAL":
                self.config["stop_signal"] = arguments
            case "ENTRYPOINT" | "CMD":
                self.config[name.lower()] = dockerfile.exec_form(name, arguments)

    def workdir(self, path):
        self.config["workdir"] = os.path.normpath(os.path.join(self.config["workdir"], path))
        self.inside(".").mkdir(parents=True, exist_ok=True)
        if self.cache:
            target = self.inside("target")
            target.mkdir()
            subprocess.run(["mount", "--bind", self.cache, target], check=True)
            self.cache = None

    def run(self, command):
        passed = {name: os.environ[name] for name in ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
        # The crates were fetched before. So the build as root writes no file that the user could not remove.
        environment = passed | {"CARGO_NET_OFFLINE": "true"} | self.config["env"]

        def enter():
            os.chroot(self.root)
            os.chdir(self.config["workdir"])

        subprocess.run([*self.shell, command], check=True, preexec_fn=enter, env=environment, stdin=subprocess.DEVNULL)

    def copy(self, flags, paths):
        source = self.built[flags["from"]] if "from" in flags else self.context
        if unknown := flags.keys() - {"from", "chown"}:
            raise ValueError(f"COPY has flags that this builder does not support: {unknown}")
        owner = tuple(map(int, flags.get("chown", "0:0").split(":")))
        *patterns, destination = paths
        sources = []
        for pattern in patterns:
            found = glob.glob(str(source / pattern.lstrip("/")), include_hidden=True)
            if not found:
                raise FileNotFoundError(f"COPY: {pattern} is not in the {'stage' if 'from' in flags else 'context'}")
            sources += map(Path, found)
        target = self.inside(destination)
        into_folder = destination.endswith("/") or len(sources) > 1 or destination == "." or target.is_dir()
        for path in sources:
            if path.is_dir():
                copy_folder(path, target, owner)
            else:
                copy_file(path, target / path.name if into_folder else target, owner)


def copy_folder(source, target, owner):
    """Copies the contents of a folder as COPY does. An existing folder keeps its owner."""
    if not target.is_dir():
        copy_folder_itself(target, owner)
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            copy_folder(entry, target / entry.name, owner)
        else:
            copy_file(entry, target / entry.name, owner)


def copy_folder_itself(target, owner):
    target.mkdir(parents=True)
    os.chown(target, *owner)


def copy_file(source, target, owner):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    os.chown(target, *owner, follow_symlinks=False)


if __name__ == "__main__":
    try:
        main(*(Path(argument).resolve() for argument in sys.argv[1:3]))
    except (subprocess.CalledProcessError, ValueError, OSError) as error:
        raise SystemExit(f"error: the image cannot be built: {error}") from None
