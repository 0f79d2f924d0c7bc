"""The tables. Times are milliseconds UTC, sizes bytes, folded names compare without case.

A change here needs a migration; a test proves that an upgraded database equals a fresh one.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")

depots = Table(
    "depots",
    metadata,
    Column("id", Big, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("zone", Text, nullable=False),
    # Text form of a timetable; empty: unlimited.
    Column("cap", Text, nullable=False),
    # Networks in CIDR form, one per line: a contact from there belongs to this depot.
    Column("networks", Text, nullable=False),
    Column("slots", Integer, nullable=False),
)

# A site and what was last known of it. Facts carry ``seen_ms``: nothing here is "now".
sites = Table(
    "sites",
    metadata,
    Column("id", Big, primary_key=True),
    Column("label", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("depot_id", Big, ForeignKey("depots.id")),
    # pending: no certificate yet; enrolled; revoked.
    Column("state", Text, nullable=False),
    Column("identity", Text, unique=True),
    Column("address", Text),
    Column("expected_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger),
    # True time minus the site's clock at the last contact, and half the round trip.
    Column("offset_ms", BigInteger),
    Column("uncertainty_ms", BigInteger),
    # The last status message, as JSON.
    Column("status", Text),
    # How far the mirror follows the manifest.
    Column("epoch", Text),
    Column("seq", BigInteger, nullable=False),
    Column("as_of_ms", BigInteger),
)

# The mirror: central's copy of every site's manifest, in the site's own clock.
recordings = Table(
    "recordings",
    metadata,
    Column("site_id", Big, ForeignKey("sites.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("container", Text, nullable=False),
    Column("end_source", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("damaged", Boolean, nullable=False),
    Column("held", Boolean, nullable=False),
    # When the site missed the file, in its clock; null while it is there.
    Column("gone_ms", BigInteger),
    Index("ix_recordings_camera", "site_id", "camera", "start_ms"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Big, primary_key=True),
    Column("idempotency_key", Text, unique=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("needed_by_ms", BigInteger),
    Column("reason", Text, nullable=False),
    Column("case_ref", Text, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("stopped_ms", BigInteger),
    Column("state", Text, nullable=False),
    Column("state_ms", BigInteger, nullable=False),
    # Why it stands where it stands, in words; empty when the state says it all.
    Column("why", Text, nullable=False),
    # Milliseconds per fate over all its cameras, as JSON.
    Column("tally", Text, nullable=False),
)

request_cameras = Table(
    "request_cameras",
    metadata,
    Column("request_id", Big, ForeignKey("requests.id"), primary_key=True),
    Column("site_id", Big, ForeignKey("sites.id"), primary_key=True),
    Column("camera", Text, primary_key=True),
)

# One recording being fetched, shared by every request that needs it.
transfers = Table(
    "transfers",
    metadata,
    Column("id", Big, primary_key=True),
    Column("site_id", Big, ForeignKey("sites.id"), nullable=False),
    Column("recording_id", Text, nullable=False),
    # wanted, complete, lost, damaged, stopped.
    Column("state", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    # Grows with every take-over; a commit under an older fence is refused.
    Column("fence", Integer, nullable=False),
    Column("held", Boolean, nullable=False),
    # How far it has come, for people; the part file itself is the truth.
    Column("verified_bytes", BigInteger, nullable=False),
    # Payload bytes that came over the link, bytes sent twice among them.
    Column("received_bytes", BigInteger, nullable=False),
    # The site's signed digest statement, and the certificate that it was checked with.
    Column("statement", LargeBinary),
    Column("signature", LargeBinary),
    Column("certificate", LargeBinary),
    Column("sha256", Text),
    # Where it lies in the archive folder, or will once it is complete; with "/".
    Column("path", Text),
    Column("error", Text, nullable=False),
    UniqueConstraint("site_id", "recording_id", name="uq_transfers_recording"),
    Index("ix_transfers_state", "site_id", "state"),
)

request_transfers = Table(
    "request_transfers",
    metadata,
    Column("request_id", Big, ForeignKey("requests.id"), primary_key=True),
    Column("transfer_id", Big, ForeignKey("transfers.id"), primary_key=True),
    Index("ix_request_transfers_transfer", "transfer_id"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Big, primary_key=True),
    Column("site_id", Big, ForeignKey("sites.id"), nullable=False),
    Column("depot_id", Big, ForeignKey("depots.id")),
    Column("link", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    # Null while it lasts, or when central died before it could tell.
    Column("end_ms", BigInteger),
    Column("received_bytes", BigInteger, nullable=False),
    Column("offset_ms", BigInteger, nullable=False),
    Column("uncertainty_ms", BigInteger, nullable=False),
    Index("ix_contacts_site", "site_id", "start_ms"),
)

# A warning about one request at one site; it ends as saved, lost, cleared or stopped.
warnings = Table(
    "warnings",
    metadata,
    Column("id", Big, primary_key=True),
    Column("request_id", Big, ForeignKey("requests.id"), nullable=False),
    Column("site_id", Big, ForeignKey("sites.id"), nullable=False),
    Column("level", Text, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("outcome", Text),
    Column("why", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("early_ms", BigInteger),
    Column("likely_ms", BigInteger),
    Column("expected_ms", BigInteger),
    Index("ix_warnings_request", "request_id", "site_id"),
)
