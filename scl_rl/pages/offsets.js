/* Our files count code points, the browser counts UTF-16 units: a text's places in both. */

export class Offsets {
  constructor(text) {
    this.units = /[\ud800-\udbff]/.test(text) ? [] : null; // null: the two counts are the same
    if (this.units) {
      let unit = 0;
      for (const character of text) {
        this.units.push(unit);
        unit += character.length;
      }
      this.units.push(unit);
    }
  }

  toUnits(point) {
    return this.units ? this.units[point] : point;
  }

  /** A place inside of a character counts as the place before it. */
  toPoints(unit) {
    if (!this.units) return unit;
    let low = 0;
    let high = this.units.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.units[middle] <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
