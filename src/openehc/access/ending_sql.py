"""The statements by which an institution takes along what depends on it."""

from typing import Final

from openehc.access.kinds import APPLICATIONS, DEPENDING, Kind

_MORE: Final = {APPLICATIONS: ("client_certificates", "certificate_needed")}
"""Columns that an ending empties and history keeps."""

_EMPTIED: Final = {
    APPLICATIONS: (
        ", sealed_secret = null, sealed_previous = null, previous_until = null,"
        " client_certificates = '{}', certificate_needed = false"
    )
}


def _ending(kind: Kind) -> str:
    """End all entries of institution $1; whoever waits for an approval is refused."""
    names = _MORE.get(kind, ())
    held = "".join(f", r.{name}" for name in names)
    told = "".join(f", '{name}', h.{name}" for name in names)
    now = "".join(f", '{name}', r.{name}" for name in names)
    return f"""
with held as (
    select r.{kind.key} as record_id, r.standing{held}
      from {kind.table} r
     where r.institution_id = $1 and r.standing not in ('refused', 'exited')
     order by r.{kind.key}
       for no key update
), ended as (
    update {kind.table} r
       set standing = case h.standing when 'applied' then 'refused' else 'exited' end,
           revision = r.revision + 1, changed_at = $2{_EMPTIED.get(kind, "")}
      from held h
     where r.{kind.key} = h.record_id
    returning r.{kind.key} as record_id, r.{kind.number} as number, r.revision,
              case r.standing when 'refused' then 'refuse' else 'exit' end as act,
              jsonb_build_object('standing', h.standing{told}) as before,
              jsonb_build_object('standing', r.standing{now}) as after
), remembered as (
    insert into register_history (register, record_id, revision, at, act, actor_kind, actor_id,
                                  reason, before, after)
    select '{kind.name}', record_id, revision, $2, act, $3, $4, $5, before, after || $6::jsonb
      from ended
)
select record_id, number, act, before, after || $6::jsonb as after from ended order by record_id
"""  # noqa: S608 (put together from our own words)


END_ENTRIES: Final = {kind: _ending(kind) for kind in DEPENDING}

COUNT_ENTRIES: Final = f"""
select {
    " + ".join(
        f"(select count(*) from {kind.table} where institution_id = $1"
        " and standing not in ('refused', 'exited'))"
        for kind in DEPENDING
    )
}
"""  # noqa: S608 (put together from our own words)
