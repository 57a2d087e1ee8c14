"""The stub proxy's limit of the model ``trial``: so many requests in any stretch of a window."""

import threading
import time

MODEL = "trial"
QUOTA, WINDOW = 12, 2


class Limit:
    def __init__(self, proxy, refused):
        self.refused, self.has = refused, proxy.has
        self.taken, self.lock = [], threading.Lock()

    def take(self, request):
        """Headers of an answer; raises the refusal."""
        if request["model"] != MODEL and not self.has("limits_all_models"):
            return {}
        with self.lock:
            now = time.monotonic()
            if not self.has("never_forgets"):
                self.taken = [at for at in self.taken if at > now - WINDOW]
            count = len(self.taken)
        if self.has("counts_late"):
            time.sleep(0.05)
        most = QUOTA - 1 if self.has("refuses_early") else QUOTA
        left = max(0, QUOTA - count - 1)
        headers = {"ratelimit": f'"trial";r={left};t={WINDOW}', "ratelimit-policy": f'"trial";q={QUOTA};w={WINDOW}'}
        if self.has("odd_headers"):
            headers["ratelimit"] = f"{left}"
        if self.has("says_nothing_left_out"):
            headers["ratelimit"] = f'"trial";r={QUOTA};t={WINDOW}'
        if count >= most:
            wait = {} if self.has("without_retry_after") else {"retry-after": str(WINDOW)}
            code = "too_many" if self.has("odd_limit_code") else "rate_limit_exceeded"
            raise self.refused(429, code, **wait, **headers)
        with self.lock:
            self.taken.append(now)
        return headers
