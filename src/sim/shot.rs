//! One vehicle in one exposure: projected, painted at several moments while the shutter is open, put into the frame.

use super::canvas::{Canvas, Fill};
use super::model::{Facing, Glow, Model, Panel, Part};
use super::optics::{Camera, Lighting, Point3, mix};
use crate::domain::{BBox, Point};

/// A frame being composed: BGR.
pub struct Film<'a> {
    pub pixels: &'a mut [u8],
    pub width: usize,
    pub height: usize,
}

/// A vehicle at its places during the exposure: metres to the right and away, first, middle and last moment.
pub struct Shot<'a> {
    pub model: &'a Model,
    pub camera: &'a Camera,
    pub lighting: &'a Lighting,
    pub places: [(f32, f32); 3],
}

/// Most moments an exposure is made of.
const MOMENTS: usize = 5;
/// Half width of the body's soft edges, metres.
const EDGE: f32 = 0.01;
/// Coverage from which a vehicle hides what is behind it; shadows stay below.
const OPAQUE: u8 = 200;

impl Shot<'_> {
    /// Box of everything drawn of the vehicle, not cut at the frame. `None` when it is behind the camera.
    pub fn bbox(&self) -> Option<BBox> {
        self.bounds(self.places[1], true)
    }

    /// The plate's corners in pixels; `None` when it is behind the camera.
    pub fn plate(&self) -> Option<[Point; 4]> {
        let (x, z) = self.places[1];
        let nearest = self.model.plate.iter().map(|p| p[2]).fold(f32::INFINITY, f32::min);
        self.camera.in_front(z + nearest).then(|| {
            self.model.plate.map(|p| {
                let (px, py) = self.camera.project(at(p, (x, z)));
                Point::new(px, py)
            })
        })
    }

    /// Paints the vehicle over the film; returns its layer, to see what it hides.
    pub fn expose(&self, film: &mut Film) -> Option<Canvas> {
        let mut layer = self.layer(film)?;
        let moments = self.moments();
        let mut sum = vec![0u16; if moments > 1 { layer.pixels().len() } else { 0 }];
        for moment in 0..moments {
            let share = (moment as f32 + 0.5) / moments as f32;
            let [(x1, z1), middle, (x2, z2)] = self.places;
            let place = if moments == 1 { middle } else { (x1 + (x2 - x1) * share, z1 + (z2 - z1) * share) };
            layer.clear();
            self.paint(&mut layer, place);
            for (total, value) in sum.iter_mut().zip(layer.pixels()) {
                *total += u16::from(*value);
            }
        }
        let half = moments as u16 / 2;
        for (value, total) in layer.pixels_mut().iter_mut().zip(&sum) {
            *value = ((total + half) / moments as u16) as u8;
        }
        layer.soften();
        film.put(&layer);
        if self.lighting.lit > 0.0 {
            self.model.glows.iter().for_each(|glow| self.glow(glow, film));
        }
        Some(layer)
    }

    /// The part of the frame the vehicle can touch during the exposure.
    fn layer(&self, film: &Film) -> Option<Canvas> {
        let bounds = [self.places[0], self.places[2]].into_iter().filter_map(|p| self.bounds(p, false));
        let bounds = bounds.reduce(|a, b| a.union(&b))?.clamp_to(film.width as u32, film.height as u32);
        let (x1, y1) = ((bounds.x1 - 2.0).max(0.0) as i32, (bounds.y1 - 2.0).max(0.0) as i32);
        let x2 = (bounds.x2 as i32 + 3).min(film.width as i32);
        let y2 = (bounds.y2 as i32 + 3).min(film.height as i32);
        if bounds.is_valid() { Canvas::new(x1, y1, x2 - x1, y2 - y1) } else { None }
    }

    /// One moment a pixel of motion.
    fn moments(&self) -> usize {
        let corner = |place| self.camera.project(at([self.model.width / 2.0, 0.5, 0.0], place));
        let ((x1, y1), (x2, y2)) = (corner(self.places[0]), corner(self.places[2]));
        let motion = (x2 - x1).abs().max((y2 - y1).abs());
        if motion < 0.6 { 1 } else { (motion.min(MOMENTS as f32) as usize + 1).min(MOMENTS) }
    }

    fn bounds(&self, place: (f32, f32), body_only: bool) -> Option<BBox> {
        let panels = self.model.panels.iter().chain(&self.model.plate_panels);
        let panels = panels.filter(|p| !body_only || p.part == Part::Body);
        let seen = panels.filter(|p| self.faces(p, place));
        let points = seen.flat_map(|p| p.contours.iter().flatten());
        points
            .map(|p| {
                let (x, y) = self.camera.project(at(*p, place));
                BBox::new(x, y, x, y)
            })
            .reduce(|a, b| a.union(&b))
    }

    /// Whether a panel shows its painted side to the camera.
    fn faces(&self, panel: &Panel, (x, z): (f32, f32)) -> bool {
        let depths = || panel.contours.iter().flatten().map(|p| p[2]);
        let any_ahead = || self.camera.in_front(z + depths().fold(f32::NEG_INFINITY, f32::max));
        match panel.facing {
            Facing::Camera if panel.part == Part::Road => any_ahead(),
            // With its near end beside the camera nothing of it faces the camera any more.
            Facing::Camera => self.camera.in_front(z - 0.1),
            Facing::Top if !self.camera.in_front(z + depths().fold(f32::INFINITY, f32::min)) => false,
            Facing::Top | Facing::Side => {
                any_ahead() && panel.contours.iter().any(|c| self.runs_counter_clockwise(c, (x, z)))
            }
        }
    }

    fn runs_counter_clockwise(&self, contour: &[Point3], place: (f32, f32)) -> bool {
        let project = |p: &Point3| self.camera.project(at(*p, place));
        let nexts = contour.iter().cycle().skip(1);
        let doubled_area: f32 = contour
            .iter()
            .zip(nexts)
            .map(|(a, b)| {
                let ((ax, ay), (bx, by)) = (project(a), project(b));
                bx * ay - ax * by
            })
            .sum();
        doubled_area > 0.0
    }

    /// The body, a little soft as pressed metal is, then the plate.
    fn paint(&self, layer: &mut Canvas, place: (f32, f32)) {
        self.fill(&self.model.panels, layer, place);
        let pixels_per_metre = self.camera.focal / self.camera.depth([place.0, 0.0, place.1]);
        layer.smooth((EDGE * pixels_per_metre).min(3.0) as usize);
        self.fill(&self.model.plate_panels, layer, place);
    }

    fn fill(&self, panels: &[Panel], layer: &mut Canvas, place: (f32, f32)) {
        for panel in panels.iter().filter(|p| self.faces(p, place)) {
            let project = |p: &Point3| self.camera.project(at(*p, place));
            let contours: Vec<Vec<(f32, f32)>> =
                panel.contours.iter().map(|c| c.iter().map(project).collect()).collect();
            let shade = |colour| {
                let matt = self.lighting.on(colour, place.1.max(1.0));
                panel.lit.map_or(matt, |lit| mix(matt, lit, self.lighting.lit))
            };
            layer.fill(&contours, Fill { top: shade(panel.top), bottom: shade(panel.bottom), alpha: panel.alpha });
        }
    }

    /// Adds a lamp's halo.
    fn glow(&self, glow: &Glow, film: &mut Film) {
        let p = at(glow.at, self.places[1]);
        if !self.camera.in_front(p[2]) {
            return;
        }
        let (cx, cy) = self.camera.project(p);
        let radius = (glow.radius * self.camera.focal / self.camera.depth(p)).max(3.0);
        let strength = 150.0 * self.lighting.lit;
        let rows = (cy - radius).max(0.0) as usize..((cy + radius + 1.0).max(0.0) as usize).min(film.height);
        for y in rows {
            let columns = (cx - radius).max(0.0) as usize..((cx + radius + 1.0).max(0.0) as usize).min(film.width);
            for x in columns {
                let (dx, dy) = (x as f32 + 0.5 - cx, y as f32 + 0.5 - cy);
                let fall = (1.0 - (dx * dx + dy * dy) / (radius * radius)).max(0.0);
                let pixel = (y * film.width + x) * 3;
                for (channel, value) in film.pixels[pixel..pixel + 3].iter_mut().enumerate() {
                    let added = strength * fall * fall * glow.colour[2 - channel];
                    *value = (f32::from(*value) + added).min(255.0) as u8;
                }
            }
        }
    }
}

fn at([px, py, pz]: Point3, (x, z): (f32, f32)) -> Point3 {
    [px + x, py, pz + z]
}

impl Film<'_> {
    fn put(&mut self, layer: &Canvas) {
        let (x, y, width) = (layer.x as usize, layer.y as usize, layer.width());
        for (row, line) in layer.pixels().chunks_exact((width * 4).max(4)).enumerate() {
            let start = ((y + row) * self.width + x) * 3;
            for (below, above) in self.pixels[start..start + width * 3].chunks_exact_mut(3).zip(line.chunks_exact(4)) {
                let through = 255 - u32::from(above[3]);
                for (channel, value) in below.iter_mut().enumerate() {
                    let behind = (u32::from(*value) * through + 127) / 255;
                    *value = (u32::from(above[2 - channel]) + behind).min(255) as u8;
                }
            }
        }
    }
}

/// Whether a layer hides what is behind it at a point of the frame.
pub fn hides(layer: &Canvas, point: Point) -> bool {
    let (x, y) = (point.x as i32 - layer.x, point.y as i32 - layer.y);
    if x < 0 || y < 0 || x as usize >= layer.width() || y as usize >= layer.height() {
        return false;
    }
    layer.pixels()[(y as usize * layer.width() + x as usize) * 4 + 3] >= OPAQUE
}
