CREATE TABLE fairway.rules (
    version   bigint PRIMARY KEY CHECK (version > 0),
    name      text NOT NULL, -- the version that the text gives itself, else its hash
    hash      text NOT NULL, -- SHA-256 of the text, in hex
    author    text NOT NULL,
    published timestamptz NOT NULL DEFAULT now(),
    content   text NOT NULL
);

-- The one row that says which rules are served.
CREATE TABLE fairway.latest_rules (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL REFERENCES fairway.rules
);

CREATE TABLE fairway.event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time         timestamptz NOT NULL,
    kind         text NOT NULL,
    subject      text NOT NULL,
    version      text NOT NULL,
    from_version text NOT NULL,
    author       text NOT NULL,
    text         text NOT NULL
);
