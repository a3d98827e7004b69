//! The heat map: time across, response time upward on a log scale. A denser
//! character stands for more answers, so that it needs no colour.

use super::line::{Line, PALETTE};
use super::{Size, View};
use crate::load::duration::shown;
use crate::load::record::{Column, latency_of};

/// From few answers to many.
const DENSITY: [char; 9] = ['.', ':', '-', '=', '+', '*', '#', '%', '@'];
/// Characters before the map.
const LABEL: usize = 9;
/// Lines that are not of the map: status, quantiles, errors and keys.
const OTHER_LINES: u16 = 4;

/// The map of the latest part of the test, and a line with the columns in which
/// there were errors.
pub(super) fn rows(view: &View<'_>, size: Size) -> Vec<Line> {
    let timeline = view.record.timeline();
    let width = usize::from(size.columns) - LABEL;
    let columns = &timeline.columns[timeline.columns.len().saturating_sub(width)..];
    let height = usize::from(size.rows - OTHER_LINES);
    let used = |row: &usize| columns.iter().any(|column| column.rows[*row] > 0);
    let rows = columns.first().map_or(0, |column| column.rows.len());
    let (Some(lowest), Some(highest)) = ((0..rows).find(used), (0..rows).rev().find(used)) else {
        return vec![Line::default().text("no answer yet")];
    };
    let merged = (highest - lowest + 1).div_ceil(height);
    let bands: Vec<usize> = (lowest..=highest).step_by(merged).collect();
    let counts = |band: usize, column: &Column| -> u32 {
        column.rows[band..(band + merged).min(rows)].iter().sum()
    };
    let most = bands
        .iter()
        .flat_map(|band| columns.iter().map(|column| counts(*band, column)))
        .max();
    let most = f64::from(most.unwrap_or(1).max(1));
    let mut lines: Vec<Line> = bands
        .iter()
        .rev()
        .map(|band| {
            let line = Line::default().text(&format!("{:>7} |", shown(latency_of(*band))));
            columns.iter().fold(line, |line, column| {
                match density(counts(*band, column), most) {
                    None => line.text(" "),
                    Some(place) => line.in_colour(PALETTE[place + 2], &DENSITY[place].to_string()),
                }
            })
        })
        .collect();
    let errors: String = columns
        .iter()
        .map(|column| if column.counts.bad > 0 { 'E' } else { ' ' })
        .collect();
    lines.push(
        Line::default()
            .text(&format!("{:>7} |", "errors"))
            .in_colour(super::line::RED, &errors),
    );
    lines
}

/// The place of a count among the characters, on a log scale.
fn density(count: u32, most: f64) -> Option<usize> {
    let share = f64::from(count).ln_1p() / most.ln_1p();
    let steps = [0.11, 0.22, 0.33, 0.44, 0.55, 0.66, 0.77, 0.88];
    (count > 0).then(|| steps.iter().filter(|step| share > **step).count())
}
