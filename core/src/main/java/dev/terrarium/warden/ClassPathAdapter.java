package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/// An adapter on the class path, unpacked where interpreters can read it: `STATE/adapters/HASH/`.
/// What lies beside it and below comes along, since it may be imported. The hash of all that is the
/// folder's name, so that versions never mix.
public final class ClassPathAdapter extends Unpacked {
  private static final String FOLDER = "adapters";
  private static final String PACKAGE_FILE = "/__init__.py";
  private static final int HASH_CHARACTERS = 32;

  /// What this JVM has unpacked, by where it is: a pool's configuration knows nothing else of it.
  private static final Map<Path, ClassPathAdapter> UNPACKED = new ConcurrentHashMap<>();

  private final Found found;
  private final String base;

  private ClassPathAdapter(
      Found found, String base, String adapter, Path directory, Map<String, Content> contents) {
    super("the adapter " + adapter, directory, contents);
    this.found = found;
    this.base = base;
  }

  /// Unpacks what is not there yet, or is not what it should be.
  ///
  /// @param owner a class of the jar, or folder, that the adapter lies in
  /// @param name of a Python file, or of a package's folder: from the owner's package, or else from
  ///   the root of the class path; with a slash at its beginning from the root only
  /// @return where it is
  /// @throws StartFailedException where there is no such thing, or nothing can be written
  public static Path unpack(Class<?> owner, String name, Path stateDirectory) {
    Found found = find(owner, name.endsWith(".py") ? name : name + PACKAGE_FILE);
    try (Resources resources = found.open()) {
      String file = resources.entry();
      String adapter = name.endsWith(".py") ? file : file.replaceFirst(PACKAGE_FILE + "$", "");
      String base = base(resources, adapter);
      Map<String, Content> contents = new LinkedHashMap<>();
      MessageDigest digest = sha256();
      for (String each : together(resources, base, adapter)) {
        contents.put(each, read(resources, base, each, digest));
      }
      Path directory = stateDirectory.resolve(FOLDER).resolve(hash(digest));
      var unpacked = new ClassPathAdapter(found, base, adapter, directory, contents);
      unpacked.unpack(unpacked.damaged(), unpacked.from(resources));
      Path place = directory.resolve(adapter.substring(base.length()));
      UNPACKED.put(place, unpacked);
      return place;
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.ADAPTER_UNREADABLE,
          "The adapter %s on the class path cannot be read: %s".formatted(name, e),
          e);
    }
  }

  /// What was unpacked to there; empty where the adapter is a file of the user's.
  public static Optional<ClassPathAdapter> at(Path adapter) {
    return Optional.ofNullable(UNPACKED.get(adapter));
  }

  @Override
  void restore(List<String> damaged) throws IOException {
    try (Resources resources = found.open()) {
      write(damaged, from(resources));
    }
  }

  private Source from(Resources resources) {
    return name -> resources.open(base + name);
  }

  private record Found(URL url, String name) {
    Resources open() throws IOException {
      return Resources.around(url, name);
    }
  }

  private static Found find(Class<?> owner, String wanted) {
    String root = wanted.startsWith("/") ? wanted.substring(1) : wanted;
    String beside = owner.getPackageName().replace('.', '/') + "/" + wanted;
    for (String name : wanted.startsWith("/") ? List.of(root) : List.of(beside, root)) {
      URL url = owner.getResource("/" + name);
      if (url != null) {
        return new Found(url, name);
      }
    }
    throw missing(owner, wanted);
  }

  private static StartFailedException missing(Class<?> owner, String wanted) {
    String folder = "/" + owner.getPackageName().replace('.', '/') + "/";
    String places =
        wanted.startsWith("/") ? wanted : "%s%s or /%s".formatted(folder, wanted, wanted);
    String module = owner.getModule().getName();
    String remedy =
        module == null
            ? "put it into src/main/resources, or name a file with adapter(Path)"
            : "module %s has to contain it, and to open its folder: opens <folder> to dev.terrarium;"
                .formatted(module);
    return new StartFailedException(
        Reason.ADAPTER_MISSING,
        "There is no %s on the class path of %s; %s".formatted(places, owner.getName(), remedy));
  }

  /// The folder that is to be on Python's path, with a slash at its end: of an adapter in packages
  /// the one around them. Empty is the class path's root.
  private static String base(Resources resources, String adapter) {
    String folder = folderOf(adapter);
    while (!folder.isEmpty() && resources.has(folder + "__init__.py")) {
      folder = folderOf(folder.substring(0, folder.length() - 1));
    }
    return folder;
  }

  private static String folderOf(String name) {
    return name.substring(0, name.lastIndexOf('/') + 1);
  }

  /// All that lies in the adapter's folder and below. At the root of a class path lies everything,
  /// so from there only the adapter, or its package.
  private static List<String> together(Resources resources, String base, String adapter)
      throws IOException {
    return resources.names(base.isEmpty() ? topOf(adapter) : base).stream()
        .filter(it -> !it.endsWith(".class") && !it.contains("__pycache__/"))
        .map(it -> it.substring(base.length()))
        .filter(it -> Path.of("/" + it).normalize().toString().equals("/" + it)) // no way out
        .sorted()
        .toList();
  }

  private static String topOf(String adapter) {
    int end = adapter.indexOf('/');
    String top = end < 0 ? adapter : adapter.substring(0, end);
    return top.endsWith(".py") ? top : top + "/";
  }

  private static Content read(Resources resources, String base, String name, MessageDigest digest)
      throws IOException {
    digest.update(name.getBytes(StandardCharsets.UTF_8));
    digest.update((byte) 0);
    try (InputStream in = new DigestInputStream(resources.open(base + name), digest)) {
      Content content = Content.of(in);
      digest.update(Long.toString(content.bytes()).getBytes(StandardCharsets.UTF_8));
      return content;
    }
  }

  private static String hash(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest()).substring(0, HASH_CHARACTERS);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each JDK has it", e);
    }
  }
}
