-- What was done about each finding, by whom and why. The public notices (材料二 3.2: 事后通告) are made of it.
create table finding_steps (
    step_id int generated always as identity primary key,
    finding_id int not null references findings (finding_id),
    at timestamptz not null,
    step text not null check (step in ('record', 'notify', 'suspend', 'correct', 'reopen', 'close', 'dismiss')),
    actor_kind text not null,
    actor_id text not null,
    note text not null default '' check (length(note) <= 200),
    -- The revision of the application that the step made; null where it left the application as it was.
    application_revision int
);
create index finding_steps_of on finding_steps (finding_id, step_id);
create index finding_steps_suspended on finding_steps (at) where step = 'suspend';
create index register_history_noticed on register_history (at)
    where register = 'application' and act in ('blacklist', 'exit');
create trigger finding_steps_append_only before update or delete on finding_steps
    for each row execute function refuse_change();

-- What went before: the history of the application tells when a finding stopped it and when it came back,
-- the finding itself when it was recorded. All steps stand in the audit records as well.
insert into finding_steps (finding_id, at, step, actor_kind, actor_id)
select finding_id, found_at, 'record', 'system', '' from findings order by finding_id;
insert into finding_steps (finding_id, at, step, actor_kind, actor_id, note, application_revision)
select f.finding_id, h.at,
       case when h.act = 'suspend' then 'suspend' when f.state = 'dismissed' then 'dismiss' else 'close' end,
       h.actor_kind, h.actor_id, left(substr(h.reason, position('：' in h.reason) + 1), 200), h.revision
  from findings f
  join register_history h on h.register = 'application' and h.record_id = f.application_id
       and h.act in ('suspend', 'resume') and h.reason like '违规' || f.finding_id || '：%'
 order by h.at, h.revision;
