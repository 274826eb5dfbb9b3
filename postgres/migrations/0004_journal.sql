-- How far each stream of a journal has been stored: written in the transaction
-- that stores its entries, so that each is stored once.
CREATE TABLE fairway.stored (
    stream bigint PRIMARY KEY,
    seq    bigint NOT NULL,
    time   timestamptz NOT NULL DEFAULT now()
);

DROP SEQUENCE fairway.stream;

-- Rows are deleted by age and number, oldest first: by id, in the order in
-- which they were stored. The time of a row is not that: a recording may be
-- played, and clocks jump.
ALTER TABLE fairway.decision
    DROP CONSTRAINT decision_pkey,
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN stored timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN line text NOT NULL DEFAULT '',
    ADD COLUMN rules text NOT NULL DEFAULT '',
    ADD COLUMN table_version bigint NOT NULL DEFAULT 0;

CREATE TABLE fairway.pick (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stored        timestamptz NOT NULL DEFAULT now(),
    stream        bigint NOT NULL,
    seq           bigint NOT NULL,
    time          timestamptz NOT NULL,
    service       text NOT NULL,
    class         text NOT NULL,
    method        text NOT NULL,
    path          text NOT NULL,
    route         text NOT NULL,
    endpoint      text NOT NULL,
    propensity    double precision, -- NULL: not known
    line          text NOT NULL,
    model         text NOT NULL,
    rules         text NOT NULL,
    table_version bigint NOT NULL
);

CREATE INDEX pick_by_service ON fairway.pick (service, time);

CREATE TABLE fairway.outcome (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stored           timestamptz NOT NULL DEFAULT now(),
    stream           bigint NOT NULL,
    seq              bigint NOT NULL,
    time             timestamptz NOT NULL,
    service          text NOT NULL,
    class            text NOT NULL,
    method           text NOT NULL,
    path             text NOT NULL,
    route            text NOT NULL,
    endpoint         text NOT NULL,
    propensity       double precision, -- NULL: not known
    line             text NOT NULL,
    model            text NOT NULL,
    rules            text NOT NULL,
    table_version    bigint NOT NULL,
    latency_seconds  double precision NOT NULL,
    deadline_seconds double precision, -- NULL: none was set
    status           integer NOT NULL, -- 0: no answer before the deadline
    in_flight        integer, -- NULL: not known
    reported_by      text NOT NULL
);

CREATE INDEX outcome_by_service ON fairway.outcome (service, time);
