-- Clients that another party runs are known at the standard endpoints only.
ALTER TABLE clients ADD COLUMN third_party INTEGER NOT NULL DEFAULT 0;
