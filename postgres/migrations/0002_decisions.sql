-- Each writer has a stream of its own, so that a batch that is sent twice
-- after a lost answer is recognised.
CREATE SEQUENCE fairway.stream;

CREATE TABLE fairway.decision (
    stream      bigint NOT NULL,
    seq         bigint NOT NULL,
    time        timestamptz NOT NULL,
    service     text NOT NULL,
    source      text NOT NULL,
    policy      text NOT NULL,
    model       text NOT NULL,
    reason      text NOT NULL,
    age_seconds double precision NOT NULL,
    endpoints   text[] NOT NULL,
    weights     double precision[] NOT NULL,
    ejected     boolean[] NOT NULL,
    notes       text[] NOT NULL,
    PRIMARY KEY (stream, seq)
);

CREATE INDEX decision_by_service ON fairway.decision (service, time);
