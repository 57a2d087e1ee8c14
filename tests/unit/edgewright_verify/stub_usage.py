"""The stub proxy's ledger: what each key's requests used, by user."""

from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

from stub_server import Reply

NAMES = ("requests", "hits", "refused", "tokens_in", "tokens_out")


class Ledger:
    def __init__(self, proxy, refused):
        self.proxy, self.refused, self.has = proxy, refused, proxy.has
        self.rows = defaultdict(lambda: dict.fromkeys(NAMES, 0))

    def note(self, asked, request, *, hit):
        row = self.rows[asked.headers.get("authorization"), request.get("user", "")]
        row["requests"] += 2 if self.has("counts_twice") else 1
        row["hits"] += int(hit and not self.has("loses_hits"))
        if not hit and not self.has("loses_tokens"):
            row["tokens_in"] += 11
            row["tokens_out"] += 12

    def page(self, asked):
        query = parse_qs(urlsplit(asked.path).query)
        if query.get("group_by") != ["user"] and not self.has("any_group"):
            raise self.refused(400, "invalid_request", "group_by")
        owner = asked.headers.get("authorization")
        rows = [
            {"user": user, **row}
            for (key, user), row in self.rows.items()
            if key == owner or self.has("shows_all_tenants")
        ]
        if query.get("format") == ["csv"]:
            wrong = 1 if self.has("another_csv") else 0
            lines = [
                ",".join(("user", *NAMES)),
                *(",".join(str(v + wrong if isinstance(v, int) else v) for v in row.values()) for row in rows),
            ]
            return Reply(body="\r\n".join(lines).encode(), headers={"content-type": "text/csv"})
        return Reply(body={"object": "usage", "data": rows, "total": {}})
