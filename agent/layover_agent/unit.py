"""The drop-in with which the agent's systemd unit may hold recordings on this box, made from the
package's templates (agent/packaging/systemd)."""

import grp
import pwd
import stat
from pathlib import Path

from layover_agent.config import BadConfig
from layover_agent.settings import Config

TEMPLATES = Path("/usr/share/layover-agent")
DROP_IN = Path("/etc/systemd/system/layover-agent.service.d/holds.conf")
_GROUP_READS = stat.S_IRGRP | stat.S_IXGRP


def drop_in(config: Config, templates: Path = TEMPLATES) -> str:
    """The text of the drop-in: by capability where a group may read the recordings, else as the
    recorder's own user.

    BadConfig where one drop-in cannot do it; OSError where a folder or template is missing.
    """
    folders = [Path(source.folder) for source in config.sources.values()]
    mounts = {_mount_point(folder) for folder in folders}
    owners = {(facts.st_uid, facts.st_gid) for facts in (folder.stat() for folder in folders)}
    if len(mounts) > 1 or len(owners) > 1:
        raise BadConfig("recordings of several disks or owners: fill in the templates by hand")
    by_group = all(folder.stat().st_mode & _GROUP_READS == _GROUP_READS for folder in folders)
    template = "holds-by-capability.conf" if by_group else "holds-as-recorder.conf"
    ((user, group),) = owners
    text = (templates / template).read_text(encoding="utf-8")
    for mark, value in (
        ("@RECORDINGS@", str(mounts.pop())),
        ("@HOLDS@", str(config.holds_folder)),
        ("@USER@", _user(user)),
        ("@GROUP@", _group(group)),
    ):
        text = "\n".join(
            line if line.startswith("#") else line.replace(mark, _escaped(value))
            for line in text.split("\n")
        )
    return text


def _mount_point(folder: Path) -> Path:
    real = folder.resolve(strict=True)
    return next(one for one in (real, *real.parents) if one.is_mount())


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _escaped(text: str) -> str:
    """As it stands between quotes in a unit file (systemd.syntax, systemd.unit "specifiers")."""
    if not text.isprintable():
        raise BadConfig(f"{text!r} cannot stand in a unit file: rename it")
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
