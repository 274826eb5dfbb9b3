CREATE TABLE fairway.model (
    version   bigint PRIMARY KEY CHECK (version > 0),
    name      text NOT NULL,
    created   timestamptz NOT NULL,
    published timestamptz NOT NULL DEFAULT now(),
    content   bytea NOT NULL -- the model file, which carries its own checksum
);

-- The one row that says which version is served.
CREATE TABLE fairway.latest (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL REFERENCES fairway.model
);
