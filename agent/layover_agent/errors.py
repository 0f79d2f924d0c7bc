"""What the agent refuses, and why: one table from reason to title and hint."""

from layover_agent.wire.problem import STATUS_OF, Problem, Reason

_TITLES: dict[Reason, tuple[str, str]] = {
    Reason.BAD_REQUEST: ("The request cannot be understood", "Compare it with the wire's version."),
    Reason.NOT_FOUND: ("No such thing here", "Read the manifest for what is here."),
    Reason.GONE: ("The recording is gone", "The recorder deleted it."),
    Reason.CHANGED: ("The recording changed", "Read the manifest: it is another recording now."),
    Reason.BAD_RANGE: ("The range lies outside the recording", "Ask for bytes that exist."),
    Reason.STILL_RECORDING: ("Still being recorded", "It is offered when it is closed."),
    Reason.UNSUPPORTED_VERSION: ("This version is not spoken here", "See api_versions in status."),
    Reason.TOO_BUSY: ("Too much at once", "Ask again in a moment."),
    Reason.REFUSED: ("Refused", "Only this fleet's central may ask."),
    Reason.STORAGE: ("The box's storage failed", "See the site's faults."),
}


class AgentError(Exception):
    """A refusal with its reason, what happened, and what to do."""

    def __init__(self, reason: Reason, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.hint = hint or _TITLES[reason][1]

    def problem(self) -> Problem:
        return Problem(
            code=self.reason,
            title=_TITLES[self.reason][0],
            status=STATUS_OF[self.reason],
            detail=self.detail,
            hint=self.hint,
            type=f"urn:layover:problem:{self.reason}",
        )


class NotEnrolled(Exception):
    """The box has no certificate of a fleet yet."""
