"""Everything that people do, as the doors for people take it. Wiring fills it."""

from dataclasses import dataclass

from openehc.kernel.clock import Clock
from openehc.people.captcha import Captchas
from openehc.people.end_session import EndSession
from openehc.people.live_sessions import LiveSessions
from openehc.people.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class People:
    """The use cases, and the clock by which requests are told the time."""

    clock: Clock
    sessions: LiveSessions
    sign_in: SignIn
    end_session: EndSession
    captchas: Captchas
