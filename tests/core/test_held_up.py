"""A loop that was held up: what it hands over at once, and what of it goes out."""

from hardshoulder.core.actions import Transmit, Use, latest_frames
from support.driven import DEAD, driving
from support.talker import reference_plan

PLAN = reference_plan("combustion")


def test_of_the_frames_that_a_held_up_loop_missed_the_newest_goes_out() -> None:
    driven = driving(PLAN)
    driven.say(**DEAD)
    driven.run(0.6)
    driven.say(hazard_signaling=True)
    driven.run(0.3)
    counts = [frame.data[1] & 0x0F for frame in driven.sent]
    missed = driven.responder.tick(driven.now_s + 0.42)
    (late,) = [action for action in latest_frames(missed) if isinstance(action, Transmit) and action.use is Use.HAZARDS]
    assert (late.frame.data[1] - counts[-1]) & 0x0F >= 4
    following = next(a for a in driven.responder.tick(driven.now_s + 0.6) if isinstance(a, Transmit))
    assert (following.frame.data[1] - late.frame.data[1]) & 0x0F == 1, "and the next one follows it"
    others = [action for action in missed if not isinstance(action, Transmit)]
    assert [action for action in latest_frames(missed) if not isinstance(action, Transmit)] == others
