package dev.terrarium;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;

/// A jar that a test packs.
final class Jars {
  private final Map<String, byte[]> entries = new LinkedHashMap<>();
  private final Manifest manifest = new Manifest();

  Jars() {
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
  }

  Jars says(String attribute, String value) {
    manifest.getMainAttributes().putValue(attribute, value);
    return this;
  }

  Jars with(String name, String text) {
    return with(name, text.getBytes(UTF_8));
  }

  Jars with(String name, byte[] content) {
    entries.put(name, content);
    return this;
  }

  Jars with(Class<?> type) throws IOException {
    return with("", type);
  }

  Jars with(String folder, Class<?> type) throws IOException {
    String name = type.getName().replace('.', '/') + ".class";
    try (InputStream in = Objects.requireNonNull(type.getResourceAsStream("/" + name))) {
      return with(folder + name, in.readAllBytes());
    }
  }

  /// All files of a folder.
  Jars withAllOf(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        with(folder.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return this;
  }

  Path write(Path file) throws IOException {
    return Files.write(file, bytes());
  }

  /// Without compression, which jars within jars need.
  byte[] bytes() throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var jar = new JarOutputStream(bytes, manifest)) {
      for (Map.Entry<String, byte[]> each : entries.entrySet()) {
        var entry = new ZipEntry(each.getKey());
        var checksum = new CRC32();
        checksum.update(each.getValue());
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(each.getValue().length);
        entry.setCrc(checksum.getValue());
        jar.putNextEntry(entry);
        jar.write(each.getValue());
      }
    }
    return bytes.toByteArray();
  }
}
