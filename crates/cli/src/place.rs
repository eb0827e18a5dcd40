//! Where things are: the data directory and the configuration file.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use nexus_node::api::ErrorCode;
use nexus_node::paths::Paths;

use crate::args::Global;
use crate::stop::Stop;

/// The data directory: as asked, else `nexus` in the XDG data directory.
///
/// # Errors
/// `failed` when there is no home directory.
pub(crate) fn data_dir(global: &Global) -> Result<PathBuf, Stop> {
    let dir = match &global.data_dir {
        Some(dir) => dir.clone(),
        None => etcetera::choose_base_strategy()
            .map(|base| base.data_dir().join("nexus"))
            .map_err(|e| {
                Stop::error(
                    ErrorCode::Failed,
                    format!("there is no home directory: {e}"),
                    "say where with --data-dir DIR or NEXUS_DATA_DIR",
                )
            })?,
    };
    std::path::absolute(&dir).map_err(|e| {
        Stop::usage(
            format!("--data-dir {}: {e}", dir.display()),
            "give it the path of a directory, for example --data-dir ~/nexus",
        )
    })
}

/// The configuration file in force.
///
/// # Errors
/// As [`data_dir`].
pub(crate) fn config_file(global: &Global) -> Result<PathBuf, Stop> {
    match &global.config {
        Some(file) => Ok(file.clone()),
        None => data_dir(global).map(|dir| Paths::new(dir).config()),
    }
}
