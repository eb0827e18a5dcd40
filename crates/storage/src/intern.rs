//! Small numbers for 32-byte names, remembered per connection.
//!
//! A row number never changes its meaning, so what was read once stays true; only a rollback takes new ones back.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::queries::Queries;

/// Names remembered per kind; beyond, all are forgotten and asked for again.
const REMEMBERED: usize = 4_096;

/// Row numbers by name.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    ids: HashMap<(&'static str, [u8; 32]), i64>,
}

impl Interned {
    /// After a rollback: rows whose numbers were remembered may be gone.
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
    }
}

impl Queries {
    /// The row number of `name` in a table with columns `id` and `name`, if it is there.
    pub(crate) fn interned(
        &self,
        sql: &'static str,
        name: &[u8; 32],
    ) -> Result<Option<i64>, StoreError> {
        if let Some(id) = self.interned.borrow().ids.get(&(sql, *name)) {
            return Ok(Some(*id));
        }
        let id = self.first(sql, [name], |row| Ok(row.get::<_, i64>(0)?))?;
        if let Some(id) = id {
            let mut interned = self.interned.borrow_mut();
            if interned.ids.len() >= REMEMBERED {
                interned.ids.clear();
            }
            interned.ids.insert((sql, *name), id);
        }
        Ok(id)
    }
}
