//! Nexus logs: entries, chains, order, topics, frontiers and the folds; the one place that knows the formats.
