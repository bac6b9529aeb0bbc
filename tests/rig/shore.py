"""Runs inside the guest: a fleet at a broker, which acknowledges everything and prints what it is told.

shore.py PORT prints `subscribed`, and then a line for each message: its leaf and its data as JSON.
"""

import json
import sys
import time

from support.fleet import Fleet

_LOOK_S = 0.05


def main(port: int) -> None:
    """Until it is killed."""
    printed = 0
    with Fleet(port, acknowledge=True) as fleet:
        print("subscribed", flush=True)
        while True:
            time.sleep(_LOOK_S)
            for message in fleet.messages[printed:]:
                printed += 1
                leaf = message.topic.rpartition("/")[2]
                print(leaf, json.dumps(json.loads(message.payload)["data"]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
