/* Draws a crystal that tfmat/viewer/scene.py has described, with 3Dmol.js. Any page may use it:

     const viewer = tfmatViewer.create(element, palette, { onMessage: text => ... });
     viewer.show(scene, "Bi2Se3");

   `palette` has symbol, colour and radius by atomic number. Nothing here searches bonds or images:
   which there are, the scene says. Where WebGL is missing, `viewer.works` is false and the element
   holds a text. */
"use strict";
const tfmatViewer = (() => {
  const TURN = 15, NEARER = 1.2;
  // How far images of atoms fade into the background, and how thin sticks are, in Å.
  const PALE = 0.62, STICK = 0.11;
  const AXES = ["a", "b", "c"];
  const HELP = "Drag to turn, wheel or pinch to zoom. Arrow keys turn, + and - zoom, 0 resets, " +
    "A, B and C look along the axes, I hides the images.";

  const parts = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const hex = (rgb) => "#" + rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("");
  const mixed = (from, to, share) => {
    const [start, end] = [parts(from), parts(to)];
    return hex(start.map((part, at) => part * (1 - share) + end[at] * share));
  };
  const brightness = (colour) => {
    const [r, g, b] = parts(colour);
    return 0.299 * r + 0.587 * g + 0.114 * b;
  };

  /* Returns a colour of the style sheet as #rrggbb, whatever form the browser gives it in. */
  function styled(element, property) {
    const found = getComputedStyle(element)[property].match(/[\d.]+/g) || [];
    const [r, g, b, a] = found.map(Number);
    return a === 0 || found.length < 3 ? "#ffffff" : hex([r, g, b]);
  }

  function hasWebGL() {
    try {
      const canvas = document.createElement("canvas");
      return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
    } catch { return false; }
  }

  /* Returns the corners of the cell, and the places of all atoms: those of the cell, then images. */
  function places(scene) {
    const vectors = [0, 3, 6].map((at) => scene.cell.slice(at, at + 3));
    const moved = (point, steps) =>
      point.map((value, at) => value + steps.reduce((sum, n, i) => sum + n * vectors[i][at], 0));
    const atoms = scene.z.map((number, row) =>
      ({ number, place: scene.xyz.slice(3 * row, 3 * row + 3), image: false }));
    const home = atoms.length;
    for (let at = 0; at < scene.images.length; at += 4) {
      const owner = atoms[scene.images[at]];
      const place = moved(owner.place, scene.images.slice(at + 1, at + 4));
      atoms.push({ number: owner.number, place, image: true });
    }
    const corner = (i, j, k) => moved([0, 0, 0], [i, j, k]);
    return { atoms, home, corner, vectors };
  }

  const point = ([x, y, z]) => ({ x, y, z });

  /* Returns the rotation that brings a direction to the eye and keeps another one upright. */
  function looking(along, up) {
    const length = (v) => Math.hypot(...v);
    const unit = (v) => v.map((part) => part / length(v));
    const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
    const z = unit(along);
    const x = unit(cross(up, z));
    const y = cross(z, x);
    // The rows x, y, z are a rotation matrix; 3Dmol takes it as a quaternion.
    const [m00, m01, m02, m10, m11, m12, m20, m21, m22] = [...x, ...y, ...z];
    const trace = m00 + m11 + m22;
    if (trace > 0) {
      const s = 2 * Math.sqrt(trace + 1);
      return [(m21 - m12) / s, (m02 - m20) / s, (m10 - m01) / s, s / 4];
    }
    if (m00 > m11 && m00 > m22) {
      const s = 2 * Math.sqrt(1 + m00 - m11 - m22);
      return [s / 4, (m01 + m10) / s, (m02 + m20) / s, (m21 - m12) / s];
    }
    if (m11 > m22) {
      const s = 2 * Math.sqrt(1 + m11 - m00 - m22);
      return [(m01 + m10) / s, s / 4, (m12 + m21) / s, (m02 - m20) / s];
    }
    const s = 2 * Math.sqrt(1 + m22 - m00 - m11);
    return [(m02 + m20) / s, (m12 + m21) / s, s / 4, (m10 - m01) / s];
  }

  function create(element, palette, { onMessage = () => {} } = {}) {
    element.classList.add("crystal");
    element.tabIndex = 0;
    element.setAttribute("role", "application");
    element.setAttribute("aria-roledescription", "crystal");
    element.setAttribute("aria-label", "No crystal is chosen. " + HELP);
    const words = document.createElement("p");
    words.className = "crystal-message";
    let drawing = null, current = null, label = "", images = true;

    function say(text) {
      words.textContent = text;
      words.hidden = !text;
    }
    element.append(words);
    if (typeof $3Dmol === "undefined" || !hasWebGL()) {
      say("This browser draws no 3-D (WebGL is off). The atoms are listed as text, and the CIF can be saved.");
    } else {
      try {
        drawing = $3Dmol.createViewer(element, {
          backgroundColor: styled(element, "backgroundColor"), antialias: true, disableFog: true,
        });
        say("");
      } catch (error) {
        say("The crystal cannot be drawn here: " + error.message);
      }
    }

    function draw(keepView) {
      if (!drawing) return;
      const view = keepView ? drawing.getView() : null;
      drawing.removeAllModels();
      drawing.removeAllShapes();
      drawing.removeAllLabels();
      const back = styled(element, "backgroundColor"), ink = styled(element, "color");
      drawing.setBackgroundColor(back);
      if (current) addAll(back, ink);
      if (view) drawing.setView(view);
      else if (current) home();
      drawing.render();
    }

    function addAll(back, ink) {
      const { atoms, home, corner, vectors } = places(current);
      const shown = images ? atoms : atoms.slice(0, home);
      const model = drawing.addModel();
      const specs = shown.map(({ number, place, image }, index) => {
        const [elem, plain] = palette[number];
        // White atoms on white paper, and black ones on black, need some of the other.
        const seen = Math.abs(brightness(plain) - brightness(back)) < 40 ? mixed(plain, ink, 0.25) : plain;
        return { elem, ...point(place), index, serial: index, bonds: [], bondOrder: [],
          color: image ? mixed(seen, back, PALE) : seen, properties: { number } };
      });
      for (let at = 0; at < current.bonds.length; at += 2) {
        const [one, two] = current.bonds.slice(at, at + 2);
        if (one >= specs.length || two >= specs.length) continue;
        specs[one].bonds.push(two); specs[one].bondOrder.push(1);
        specs[two].bonds.push(one); specs[two].bondOrder.push(1);
      }
      model.addAtoms(specs);
      model.setStyle({}, { stick: { radius: STICK } });
      for (const number of new Set(shown.map((atom) => atom.number))) {
        const [elem, , radius] = palette[number];
        model.setStyle({ elem }, { stick: { radius: STICK }, sphere: { radius } });
      }
      const line = (start, end) =>
        drawing.addLine({ start: point(start), end: point(end), color: mixed(back, ink, 0.7) });
      for (const i of [0, 1]) for (const j of [0, 1]) {
        line(corner(0, i, j), corner(1, i, j));
        line(corner(i, 0, j), corner(i, 1, j));
        line(corner(i, j, 0), corner(i, j, 1));
      }
      vectors.forEach((vector, at) => {
        const beyond = 1 + 0.5 / Math.hypot(...vector);
        drawing.addLabel(AXES[at], { position: point(vector.map((part) => part * beyond)),
          fontColor: ink, fontSize: 13, showBackground: false, alignment: "center", inFront: true });
      });
    }

    function home() {
      drawing.setView([0, 0, 0, 0, 0, 0, 0, 1]);
      drawing.zoomTo();
    }

    const viewer = {
      get works() { return drawing !== null; },
      /* For tests: 3Dmol's own position, zoom and rotation. */
      get view() { return drawing ? drawing.getView() : null; },
      get atoms() { return drawing && drawing.getModel() ? drawing.getModel().selectedAtoms({}).length : 0; },
      help: HELP,
      show(scene, name) {
        current = scene;
        label = name;
        element.setAttribute("aria-label", scene
          ? `Crystal of ${name}, ${scene.z.length} atoms in the cell. ${HELP}`
          : `No picture of ${name}. ${HELP}`);
        if (drawing) say(scene ? "" : "No structure on this page");
        draw(false);
      },
      redraw() { draw(true); },
      // A hidden element has no size, and nothing can be drawn into it.
      resize() { if (drawing && element.clientWidth) { drawing.resize(); drawing.render(); } },
      reset() { if (drawing && current) { home(); drawing.render(); onMessage("seen as at first"); } },
      turn(right, up) {
        if (!drawing) return;
        if (right) drawing.rotate(right, "y");
        if (up) drawing.rotate(-up, "x");
        drawing.render();
      },
      zoom(factor) { if (drawing) { drawing.zoom(factor); drawing.render(); } },
      along(axis) {
        if (!drawing || !current) return;
        const { vectors } = places(current);
        // c is up where it can be.
        const up = vectors[axis === 2 ? 1 : 2];
        const view = drawing.getView();
        drawing.setView([...view.slice(0, 4), ...looking(vectors[axis], up)]);
        drawing.render();
        onMessage(`seen along ${AXES[axis]}`);
      },
      images(on) {
        images = on ?? !images;
        draw(true);
        onMessage(images ? "images shown" : "images hidden");
        return images;
      },
    };

    const keys = {
      ArrowLeft: () => viewer.turn(-TURN, 0), ArrowRight: () => viewer.turn(TURN, 0),
      ArrowUp: () => viewer.turn(0, TURN), ArrowDown: () => viewer.turn(0, -TURN),
      "+": () => viewer.zoom(NEARER), "=": () => viewer.zoom(NEARER), "-": () => viewer.zoom(1 / NEARER),
      0: () => viewer.reset(), a: () => viewer.along(0), b: () => viewer.along(1),
      c: () => viewer.along(2), i: () => viewer.images(),
    };
    element.addEventListener("keydown", (event) => {
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    if (drawing && "ResizeObserver" in window) new ResizeObserver(() => viewer.resize()).observe(element);
    return viewer;
  }

  return { create };
})();
