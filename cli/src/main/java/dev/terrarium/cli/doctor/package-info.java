/// `terrarium doctor`: whether this machine is fit, and what stands in the way.
@NullMarked
package dev.terrarium.cli.doctor;

import org.jspecify.annotations.NullMarked;
