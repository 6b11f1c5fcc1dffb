-- The province or state of a plate as it is compared (src/domain/province.rs); NULL where none was read.
ALTER TABLE plates ADD COLUMN province TEXT;
CREATE INDEX plates_by_province ON plates (province, seq, key) WHERE province IS NOT NULL;

-- The provinces of records below this number are not known yet: the server looks them up in the background, the latest
-- first. NULL: all are known.
ALTER TABLE meta ADD COLUMN provinces_below INTEGER;
UPDATE meta SET provinces_below = (SELECT max(seq) + 1 FROM plates);
