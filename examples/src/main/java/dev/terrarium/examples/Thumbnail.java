package dev.terrarium.examples;

import dev.terrarium.Pool;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import javax.imageio.ImageIO;

/// Bytes in and out: they travel beside the JSON, as they are, at any depth of the arguments and of
/// the result.
public final class Thumbnail {
  private Thumbnail() {}

  public static void main(String[] args) throws IOException {
    byte[] photo = png(640, 480);
    try (var pool = Pool.builder().adapter(Adapters.path("imagetools.py")).size(1).start()) {
      byte[] small = pool.call("thumbnail", Map.of("image", photo, "width", 64), byte[].class);
      BufferedImage image = ImageIO.read(new ByteArrayInputStream(small));
      System.out.printf(
          "%d bytes became %d: %d x %d pixels%n",
          photo.length, small.length, image.getWidth(), image.getHeight());
    }
  }

  private static byte[] png(int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setPaint(new GradientPaint(0, 0, Color.ORANGE, width, height, Color.BLUE));
    graphics.fillRect(0, 0, width, height);
    graphics.dispose();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }
}
