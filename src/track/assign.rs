//! The globally best pairing. Greedy pairing takes the best pair first and can leave the rest with the wrong partners
//! where two vehicles pass close to each other; tables here are small (a few dozen rows), so the exact answer is cheap.

/// Pairs rows with columns so that the sum of their benefits is the greatest. `benefit[row][column]` above 0 is a
/// possible pair, anything else none; all rows have the same length. Gives each row's column. Of several best pairings
/// always the same one.
pub(super) fn assign(benefit: &[Vec<f32>]) -> Vec<Option<usize>> {
    let columns = benefit.first().map_or(0, Vec::len);
    if columns == 0 {
        return vec![None; benefit.len()];
    }
    // A column of its own for each row: it may stay alone at no benefit.
    let width = columns + benefit.len();
    let cost = |row: usize, column: usize| match benefit[row].get(column) {
        Some(gain) if *gain > 0.0 => -f64::from(*gain),
        _ => 0.0,
    };
    let owner = cheapest(benefit.len(), width, cost);
    let mut chosen = vec![None; benefit.len()];
    for (column, row) in owner.into_iter().enumerate().take(columns) {
        if let Some(row) = row.filter(|row| benefit[*row][column] > 0.0) {
            chosen[row] = Some(column);
        }
    }
    chosen
}

/// The Hungarian method with potentials (Kuhn–Munkres, O(rows² · columns)): the row that owns each column in the cheapest
/// pairing of every row. `rows` ≤ `columns`.
fn cheapest(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    // Index 0 of both sides is a helper; real rows and columns count from 1.
    let mut row_potential = vec![0.0; rows + 1];
    let mut column_potential = vec![0.0; columns + 1];
    let mut owner = vec![0usize; columns + 1];
    for row in 1..=rows {
        owner[0] = row;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut came_from = vec![0usize; columns + 1];
        let mut visited = vec![false; columns + 1];
        let mut column = 0;
        while owner[column] != 0 {
            visited[column] = true;
            let current = owner[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for other in 1..=columns {
                if visited[other] {
                    continue;
                }
                let reduced = cost(current - 1, other - 1) - row_potential[current] - column_potential[other];
                if reduced < least[other] {
                    least[other] = reduced;
                    came_from[other] = column;
                }
                if least[other] < delta {
                    delta = least[other];
                    next = other;
                }
            }
            for other in 0..=columns {
                if visited[other] {
                    row_potential[owner[other]] += delta;
                    column_potential[other] -= delta;
                } else {
                    least[other] -= delta;
                }
            }
            column = next;
        }
        // Turns the pairs along the path that was found.
        while column != 0 {
            let before = came_from[column];
            owner[column] = owner[before];
            column = before;
        }
    }
    owner.into_iter().skip(1).map(|row| row.checked_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The best sum, by trying everything.
    fn best_sum(benefit: &[Vec<f32>], row: usize, free: &mut Vec<bool>) -> f32 {
        if row == benefit.len() {
            return 0.0;
        }
        let mut best = best_sum(benefit, row + 1, free);
        for column in 0..free.len() {
            if free[column] && benefit[row][column] > 0.0 {
                free[column] = false;
                best = best.max(benefit[row][column] + best_sum(benefit, row + 1, free));
                free[column] = true;
            }
        }
        best
    }

    #[test]
    fn the_best_pair_gives_way_where_that_serves_the_whole() {
        assert_eq!(assign(&[vec![0.9, 0.8], vec![0.8, 0.1]]), [Some(1), Some(0)]);
        assert_eq!(assign(&[vec![0.9], vec![0.95], vec![0.0]]), [None, Some(0), None]);
        assert_eq!(assign(&[vec![], vec![]]), [None, None]);
    }

    proptest! {
        #[test]
        fn no_pairing_is_better_and_no_column_is_given_twice(
            (columns, table) in (0usize..5).prop_flat_map(|columns| (
                Just(columns),
                proptest::collection::vec(proptest::collection::vec(-0.3f32..1.0, columns), 0..6),
            ))
        ) {
            let chosen = assign(&table);
            let mut used: Vec<usize> = chosen.iter().flatten().copied().collect();
            let sum: f32 = chosen.iter().enumerate().filter_map(|(r, c)| c.map(|c| table[r][c])).sum();
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count);
            prop_assert!(chosen.iter().enumerate().all(|(r, c)| c.is_none_or(|c| table[r][c] > 0.0)));
            let best = best_sum(&table, 0, &mut vec![true; columns]);
            prop_assert!((sum - best).abs() < 1e-4, "{} is not {}", sum, best);
        }
    }
}
