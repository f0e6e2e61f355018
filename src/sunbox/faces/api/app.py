"""The native API, to be mounted at `/api/v1`, and the health at `/healthz`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from typing import TypeVar

import structlog
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sunbox import __version__
from sunbox.core.model import Limit, MeterReading, Terms
from sunbox.core.wallbox import LoadpointSnapshot, NotRecordedError, Rejected, Request, SiteSnapshot, Wallbox
from sunbox.dialects.tesla.orders import Wrong
from sunbox.faces.answer import FOREIGN_PAGE, BodyTooLargeError, is_foreign_page, json_answer, read_body
from sunbox.faces.api.query import DECISIONS, REPORT, WrongQueryError, decision_query, report_day
from sunbox.faces.api.schema import (
    ALLOWED,
    ALLOWED_LIMIT,
    ALLOWED_REPORT,
    NESTED,
    CommandView,
    DayReportView,
    DecisionsView,
    HealthView,
    LimitWish,
    LoadpointView,
    LoadpointWish,
    MeterReport,
    ProblemView,
    SchedulesView,
    SiteView,
    View,
)
from sunbox.faces.api.vehicles import DESCRIPTION, ROWS, carry_out, find_vehicle, parsed, schedules_of

log = structlog.get_logger(__name__)

_PROBLEMS: dict[int | str, dict[str, object]] = {"4XX": {"model": ProblemView, "description": "Nothing was changed"}}


def _answer(view: View) -> Response:
    """Return a view as the answer; numbers that are none (not a number, infinite) become null."""
    return Response(view.model_dump_json(), headers={"cache-control": "no-store"}, media_type="application/json")


def _problem(
    code: int,
    error: str,
    *,
    field: str | None = None,
    value: str | None = None,
    allowed: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return json_answer(code, {"error": error, "field": field, "value": value, "allowed": allowed}, headers)


def _not_allowed(wrong: Rejected | Wrong) -> Response:
    """Say what was wrong in a request, and what would have been right."""
    error = f"{wrong.field}: {wrong.value!r} is not allowed"
    return _problem(400, error, field=wrong.field, value=wrong.value, allowed=wrong.allowed)


def _wish_schema() -> dict[str, object]:
    """Return the schema of a wish. The body is read by hand, so the framework does not know it by itself."""
    schema = LoadpointWish.model_json_schema(ref_template="#/components/schemas/{model}")
    own = schema.pop("$defs")  # Mode and Override: the answers have them too
    terms = schema["properties"]["terms"]
    terms["anyOf"] = [own["TermsWish"] if "$ref" in option else option for option in terms["anyOf"]]
    return schema


def _words(known: Mapping[str, str]) -> dict[str, object]:
    """Return the description of what may be asked. Addresses are read by hand, so the framework does not know it by itself."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": words, "schema": {"type": "string"}}
            for name, words in known.items()
        ]
    }


def create_app(wallbox: Wallbox) -> FastAPI:
    """Return the sub-app. It describes itself in `openapi.json`; a page that needs foreign scripts is left out."""
    app = FastAPI(
        title="sunbox",
        version=__version__,
        summary="See the site, and ask for something.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )

    @app.get("/site", response_model=SiteView)
    async def read_site() -> Response:
        """Everything that can be shown. Free: contacts no device."""
        return _answer(SiteView.model_validate(wallbox.snapshot()))

    @app.get("/loadpoints/{loadpoint_id}", response_model=LoadpointView, responses=_PROBLEMS)
    async def read_loadpoint(loadpoint_id: str) -> Response:
        """One loadpoint, by id or by its 1-based number. Free: contacts no device."""
        loadpoint = _find(wallbox.snapshot(), loadpoint_id)
        if loadpoint is None:
            return _unknown(wallbox.snapshot(), loadpoint_id)
        return _answer(LoadpointView.model_validate(loadpoint))

    @app.post(
        "/loadpoints/{loadpoint_id}",
        response_model=LoadpointView,
        responses=_PROBLEMS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _wish_schema()}},
            }
        },
    )
    async def request_loadpoint(loadpoint_id: str, http: HttpRequest) -> Response:
        """Change what is wished. Answers at once with the loadpoint; `is_settled` tells when it is done."""
        loadpoint = _find(wallbox.snapshot(), loadpoint_id)
        if loadpoint is None and not is_foreign_page(http.headers):
            return _unknown(wallbox.snapshot(), loadpoint_id)
        wish = await _told(http, LoadpointWish, ALLOWED)
        if isinstance(wish, Response):
            return wish
        assert loadpoint is not None  # noqa: S101 - a foreign page was refused above
        verdict = wallbox.request(
            Request(
                loadpoint_id=loadpoint.id,
                by=wish.by,
                mode=wish.mode,
                override=wish.override,
                amps_a=wish.amps_a,
                target_soc_pct=wish.target_soc_pct,
                phases=wish.phases,
                terms=None if wish.terms is None else Terms(**wish.terms.model_dump()),
            )
        )
        if isinstance(verdict, Rejected):
            return _not_allowed(verdict)
        changed = next(row for row in wallbox.snapshot().loadpoints if row.id == loadpoint.id)
        return _answer(LoadpointView.model_validate(changed))

    @app.get("/vehicles/{vehicle_id}/schedules", response_model=SchedulesView, responses=_PROBLEMS)
    async def read_schedules(vehicle_id: str) -> Response:
        """The schedules that a car keeps itself, as it told them last; by id or VIN. Free: contacts no device."""
        site = wallbox.snapshot()
        vehicle = find_vehicle(site, vehicle_id)
        return _unknown_vehicle(site, vehicle_id) if vehicle is None else _answer(schedules_of(vehicle))

    @app.post(
        "/vehicles/{vehicle_id}/command/{name}",
        response_model=CommandView,
        responses=_PROBLEMS,
        description=f"Tell a car about charging. Some change the wish, others are sent once, within 5 minutes.\n\n{DESCRIPTION}",
        openapi_extra=_words({"wait": "true = answer when it has ended, after 25 s at the latest"}),
    )
    async def command_vehicle(vehicle_id: str, name: str, http: HttpRequest) -> Response:
        site = wallbox.snapshot()
        vehicle, row = find_vehicle(site, vehicle_id), ROWS.get(name)
        if vehicle is None:
            return _unknown_vehicle(site, vehicle_id)
        if row is None:
            allowed = ", ".join(ROWS)
            return _problem(404, "there is no such command", field="command", value=name[:40], allowed=allowed)
        waits = http.query_params.get("wait", "false")
        if waits not in ("true", "false"):
            return _problem(
                400, f"wait: {waits[:40]!r} is not allowed", field="wait", value=waits[:40], allowed="true, false"
            )
        body = await _json_body(http, "the parameters of the command")
        if isinstance(body, Response):
            return body
        command = parsed(row, body)
        if isinstance(command, Wrong):
            return _not_allowed(command)
        told = await carry_out(wallbox, vehicle, row, command, http.receive if waits == "true" else None)
        if isinstance(told, Rejected):
            return _not_allowed(told)
        return _answer(told)

    @app.post(
        "/limit",
        response_model=SiteView,
        responses=_PROBLEMS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": LimitWish.model_json_schema()}},
            }
        },
    )
    async def set_limit(http: HttpRequest) -> Response:
        """Set or lift the grid operator's limit (dimming) for all cars together. Answers at once with the site."""
        told = await _told(http, LimitWish, ALLOWED_LIMIT)
        if isinstance(told, Response):
            return told
        if told.until_at is not None and told.until_at <= wallbox.snapshot().at:
            value = told.until_at.isoformat()
            return _problem(
                400, "until_at: this is over", field="until_at", value=value, allowed=ALLOWED_LIMIT["until_at"]
            )
        until_at = None if told.until_at is None else told.until_at.astimezone(UTC)
        wallbox.limit(None if told.max_w is None else Limit(max_w=float(told.max_w), until_at=until_at, by=told.by))
        return _answer(SiteView.model_validate(wallbox.snapshot()))

    @app.post(
        "/meters/{meter_id}",
        response_model=SiteView,
        responses=_PROBLEMS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": MeterReport.model_json_schema()}},
            }
        },
    )
    async def report_meter(meter_id: str, http: HttpRequest) -> Response:
        """Push a reading of a meter (driver `pushed`); it counts until it is stale. Answers at once with the site."""
        told = await _told(http, MeterReport, ALLOWED_REPORT)
        if isinstance(told, Response):
            return told
        powers = [told.grid_w, told.pv_w, told.battery_w, told.battery_soc_pct]
        if all(each is None for each in powers):
            return _problem(400, "nothing was measured", allowed=", ".join(ALLOWED_REPORT))
        now = wallbox.snapshot().at
        measured_at = now if told.measured_at is None else min(now, told.measured_at.astimezone(UTC))
        grid_w, pv_w, battery_w, soc_pct = (None if each is None else float(each) for each in powers)
        reading = MeterReading(
            measured_at=measured_at, grid_w=grid_w, pv_w=pv_w, battery_w=battery_w, battery_soc_pct=soc_pct
        )
        try:
            wallbox.report(meter_id, reading)
        except KeyError:
            return _problem(
                404,
                "there is no such meter to push readings to",
                field="meter_id",
                value=meter_id[:40],
                allowed="the id of a meter that is written with driver: pushed",
            )
        return _answer(SiteView.model_validate(wallbox.snapshot()))

    @app.get("/decisions", response_model=DecisionsView, responses=_PROBLEMS, openapi_extra=_words(DECISIONS))
    async def read_decisions(http: HttpRequest) -> Response:
        """Why each loadpoint did what it did: the last day, from … to, or what was in force at an instant. Contacts no device."""
        query = decision_query(http.query_params.multi_items(), wallbox.snapshot())
        return _answer(DecisionsView.model_validate(await wallbox.decisions(query)))

    @app.get("/report", response_model=DayReportView, responses=_PROBLEMS, openapi_extra=_words(REPORT))
    async def read_report(http: HttpRequest) -> Response:
        """What a day brought, what was missed and why, and what would have been possible. Takes some seconds; contacts no device."""
        day = report_day(http.query_params.multi_items())
        try:
            report = await wallbox.day_report(day)
        except NotRecordedError as error:
            value = None if day is None else day.isoformat()
            return _problem(404, str(error), field="day", value=value, allowed=REPORT["day"])
        return _answer(DayReportView.model_validate(report))

    app.add_exception_handler(WrongQueryError, _on_wrong_query)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_failure)
    return app


Told = TypeVar("Told", bound=BaseModel)


async def _told(http: HttpRequest, model: type[Told], allowed: Mapping[str, str]) -> Told | Response:
    """Return what a client told in its body, or the answer that says what is wrong with it."""
    body = await _json_body(http, ", ".join(allowed))
    if isinstance(body, Response):
        return body
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        return _invalid(error, allowed)


async def _json_body(http: HttpRequest, allowed: str) -> bytes | Response:
    """Return the body of a request that may change something, or the answer that says what is wrong with it."""
    if is_foreign_page(http.headers):
        return json_answer(403, {**FOREIGN_PAGE, "field": None, "value": None})
    # a form can be sent by any page without asking; JSON cannot
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _problem(400, "the body is not JSON", field="content-type", value=kind, allowed="application/json")
    try:
        return await read_body(http)
    except BodyTooLargeError:
        return _problem(400, "the body is too long", allowed=allowed)


def create_health_app(wallbox: Wallbox) -> ASGIApp:
    """Return the app for `/healthz`: 200 while the gateway answers at all, 503 if it cannot tell how things are."""
    started_s = time.monotonic()

    def read_health() -> Response:
        site = wallbox.snapshot()
        problems = _problems(site)
        return _answer(
            HealthView(
                status="degraded" if problems else "ok",
                version=__version__,
                uptime_s=round(time.monotonic() - started_s, 1),
                at=site.at,
                grid_age_s=site.grid_age_s,
                problems=problems,
            )
        )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in ("", "/"):
            response = _problem(404, "there is nothing here")
        elif method not in ("GET", "HEAD"):
            response = _problem(405, f"{method} is not allowed", allowed="GET, HEAD", headers={"allow": "GET, HEAD"})
        else:
            try:
                response = read_health()
            except Exception:
                log.exception("health_failed")
                response = json_answer(503, {"status": "failed", "version": __version__})
        await response(scope, receive, send)

    return app


def _problems(site: SiteSnapshot) -> tuple[str, ...]:
    """Return what the gateway lacks. Restarting it would mend none of this, so it stays alive (200) with each."""
    problems = []
    if site.is_grid_stale:
        age = "" if site.grid_age_s is None else f" for {site.grid_age_s:.0f} s"
        problems.append(f"no grid reading{age}")
    problems.extend(
        f"{vehicle.name}: the account must be logged in again" for vehicle in site.vehicles if vehicle.login_required
    )
    problems.extend(site.problems)
    return tuple(problems)


def _find(site: SiteSnapshot, loadpoint_id: str) -> LoadpointSnapshot | None:
    by_id = {row.id: row for row in site.loadpoints}
    by_number = {str(row.number): row for row in site.loadpoints}
    return by_id.get(loadpoint_id) or by_number.get(loadpoint_id)


def _unknown(site: SiteSnapshot, loadpoint_id: str) -> Response:
    known = ", ".join(row.id for row in site.loadpoints)
    return _problem(404, "there is no such loadpoint", field="loadpoint_id", value=loadpoint_id[:40], allowed=known)


def _unknown_vehicle(site: SiteSnapshot, vehicle_id: str) -> Response:
    known = ", ".join(each.id for each in site.vehicles)
    return _problem(404, "there is no such vehicle", field="vehicle_id", value=vehicle_id[:40], allowed=known)


def _invalid(error: ValidationError, known: Mapping[str, str]) -> Response:
    """Return the first mistake; a client mends one at a time."""
    first = error.errors(include_url=False, include_context=False)[0]
    own = str(first["loc"][0]) if first["loc"] else ""
    field = ".".join(str(part) for part in first["loc"][: 2 if own in NESTED else 1]) or None
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(known) if field == own else known[own]
        return _problem(400, f"{field}: there is no such field", field=field, allowed=allowed)
    if field is None:
        return _problem(400, "the body is not a JSON object", allowed=", ".join(known))
    if first["type"] == "missing":
        return _problem(400, f"{field} is missing", field=field, allowed=known[own])
    value = str(first["input"])[:40]
    return _problem(400, f"{field}: {value!r} is not allowed", field=field, value=value, allowed=known[own])


async def _on_http_exception(http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return _problem(405, f"{http.method} is not allowed", allowed=allowed, headers={"allow": allowed})
    return _problem(error.status_code, "there is nothing here")


async def _on_wrong_query(_http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, WrongQueryError)  # noqa: S101 - registered for it alone
    return _problem(400, error.error, field=error.field, value=error.value, allowed=error.allowed)


async def _on_failure(_http: HttpRequest, _error: Exception) -> Response:
    # no word to the log: the framework raises the error again once this is sent, and the server logs that
    return _problem(500, "the gateway failed; its log has the details")
