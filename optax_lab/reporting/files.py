# Names of files and folders, from whatever an optimizer is called.

import hashlib
import re

_LONGEST = 160  # characters; a file system takes 255 bytes


def name(text: str) -> str:
    """Writes text in characters that any file system takes, and a shell unquoted.

    What is cut off of a long one still tells two names apart.

    >>> name("cautious(adam(b1=.8), min_share=0.1)")
    'cautious-adam-b1=.8,min_share=0.1'
    """
    short = re.sub(r"(?<=[=,])\s*[(\[]|[)\]']|(?<=,)\s+", "", text)
    short = re.sub(r"[^\w.=+,-]+", "-", short)
    if len(short) <= _LONGEST:
        return short
    return f"{short[:_LONGEST]}_{hashlib.sha256(short.encode()).hexdigest()[:8]}"
