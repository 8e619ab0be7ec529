"""How the real programs are got: into a folder of our own, or as packages of the system."""

import os
import shutil
import subprocess

# A package may be large, and a mirror slow.
INSTALL_SECONDS = 900


class Missing(Exception):
    """A program cannot be had; one line says which, and how to get it."""


class Kit:
    def __init__(self, here, folder):
        self.clients = os.path.join(here, "clients")
        self.folder = folder
        self.log = os.path.join(folder, "install.log")
        self.may_install = os.environ.get("PARITY_INSTALL", "yes") != "no"
        # What is the system's is changed only when that is asked for.
        asked = os.environ.get("CI") == "true" or os.environ.get("INSTALL") == "1"
        self.may_install_packages = self.may_install and asked
        os.makedirs(folder, exist_ok=True)
        open(self.log, "w", encoding="utf-8").close()

    def client(self, name):
        return os.path.join(self.clients, name)

    def inside(self, *names):
        return os.path.join(self.folder, *names)

    def succeeds(self, *argv, env=None, folder=None):
        with open(self.log, "a", encoding="utf-8") as log:
            print(">", *argv, file=log, flush=True)
            try:
                done = subprocess.run(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=INSTALL_SECONDS,
                    env={**os.environ, **(env or {})},
                    cwd=folder,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                print(error, file=log)
                return False
        return done.returncode == 0

    def system(self, what, packages, works):
        """Makes sure that `works`, by Debian's packages where it does not."""
        if works():
            return
        if self.may_install_packages and self._apt(packages.split()) and works():
            return
        by_hand = f"apt-get install {packages}"
        raise Missing(f"{what} is missing; on Debian, as root: {by_hand} (INSTALL=1 does that)")

    def _apt(self, packages):
        if not shutil.which("apt-get"):
            return False
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
        install = [*get, "install", "-y", "--no-install-recommends", *packages]
        # A package list that is too old names files that are gone: it is fetched anew then.
        return self.succeeds(*install) or (
            self.succeeds(*get, "update") and self.succeeds(*install)
        )

    def command(self, name, packages):
        self.system(name, packages, lambda: shutil.which(name))

    def compiler(self):
        self.system("a C compiler", "gcc libc6-dev", lambda: shutil.which("cc"))

    def compiled(self, source, what, packages, *libraries):
        """A program of C."""
        self.compiler()
        binary = self.inside(os.path.splitext(source)[0])

        def works():
            return self.succeeds("cc", "-O1", "-o", binary, self.client(source), *libraries)

        self.system(what, packages, works)
        return binary

    def venv(self, name, *requirements):
        """A Python of its own with these packages; the interpreter's path."""
        python = self.inside(name, "bin", "python")
        mark = self.inside(name, "installed")
        if _read(mark) == repr(requirements):
            return python
        how = f"pip install {' '.join(requirements)}"
        if not self.may_install:
            raise Missing(f"{how} has not been done, and nothing is to be installed")

        def works():
            return self.succeeds("python3", "-m", "venv", "--clear", self.inside(name))

        self.system("python3 with venv", "python3-venv", works)
        if not self.succeeds(python, "-m", "pip", "install", "--no-input", *requirements):
            raise Missing(f"{how} failed; {self.log} tells why")
        _write(mark, repr(requirements))
        return python

    def npm(self, *requirements):
        """A folder of modules of these packages."""
        modules = self.inside("npm", "node_modules")
        mark = self.inside("npm", "installed")
        if _read(mark) == repr(requirements):
            return modules
        self.command("node", "nodejs")
        how = f"npm install {' '.join(requirements)}"
        if not self.may_install:
            raise Missing(f"{how} has not been done, and nothing is to be installed")
        self.command("npm", "npm")
        npm = ["npm", "--prefix", self.inside("npm"), "--no-audit", "--no-fund"]
        os.makedirs(self.inside("npm"), exist_ok=True)
        if not self.succeeds(*npm, "install", "--ignore-scripts", *requirements):
            raise Missing(f"{how} failed; {self.log} tells why")
        _write(mark, repr(requirements))
        return modules

    def package_version(self, package):
        """The upstream part of the version that Debian gives a package."""
        argv = ["dpkg-query", "-W", "-f", "${Version}", package]
        try:
            text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return "?"
        return text.rpartition("-")[0].split(":")[-1].split("+")[0]


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
