//! `config …`: needs no node.

use nexus_node::config::{self, Config, ConfigRow};
use serde_json::{Value, json};

use crate::args::{ConfigVerb, Global};
use crate::output::Out;
use crate::output::table::Table;
use crate::place;
use crate::sanitize;
use crate::stop::Done;

/// Runs one.
///
/// # Errors
/// `bad_config`, `not_found` for an unknown setting.
pub(crate) fn run(global: &Global, verb: ConfigVerb, out: &mut Out) -> Done {
    let file = place::config_file(global)?;
    match verb {
        ConfigVerb::Path => {
            let path = file.display().to_string();
            if out.json() {
                return out.object(&json!({ "path": path }));
            }
            out.text(&sanitize::line(&path))
        }
        ConfigVerb::Get { key: Some(key) } => {
            let row = config::get(&file, &key)?;
            if out.json() {
                out.object(&row)
            } else {
                out.text(&sanitize::line(&plain(&row.value)))
            }
        }
        ConfigVerb::Get { key: None } => {
            let rows = Config::load(&file)?.rows();
            if out.json() {
                return rows.iter().try_for_each(|row| out.object(row));
            }
            out.table(&table(&rows))
        }
        ConfigVerb::Set { key, value } => {
            if let Some(dir) = file.parent() {
                nexus_node::setup::make_directory(dir)?;
            }
            let row = config::set(&file, &key, &value)?;
            if out.json() {
                return out.object(&row);
            }
            out.text(&format!("{} = {}", row.key, sanitize::line(&plain(&row.value))))?;
            out.remark("A running node takes it at its next start.");
            Ok(())
        }
    }
}

fn table(rows: &[ConfigRow]) -> Table {
    let mut table = Table::new(&["setting", "value", "", "what it does"]);
    for row in rows {
        let changed = if row.default { "" } else { "set" };
        table.row([row.key.as_str(), &plain(&row.value), changed, row.help.as_str()]);
    }
    table
}

/// A value as it may be typed for `config set`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
