import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/// Gives classes from before Java 6 the stack maps that an AOT cache asks for, in the jars named:
/// `java build/ModernClasses.java JAR...`. A cache leaves such classes out, and with them what uses
/// them. Jars without any stay as they are.
final class ModernClasses {
  private static final int FIRST_WITH_STACK_MAPS = ClassFile.JAVA_6_VERSION;

  public static void main(String[] jars) throws IOException {
    for (String jar : jars) {
      Path path = Path.of(jar);
      try (ZipFile from = new ZipFile(path.toFile())) {
        if (hasOldClasses(from)) {
          replace(from, path);
        }
      }
    }
  }

  private static boolean hasOldClasses(ZipFile jar) throws IOException {
    for (ZipEntry entry : Collections.list(jar.entries())) {
      if (isOld(entry, jar)) {
        return true;
      }
    }
    return false;
  }

  // Byte 6 and 7 of a class file are its major version.
  private static boolean isOld(ZipEntry entry, ZipFile jar) throws IOException {
    if (!entry.getName().endsWith(".class")) {
      return false;
    }
    try (var in = jar.getInputStream(entry)) {
      byte[] head = in.readNBytes(8);
      return (head[6] << 8 | head[7]) < FIRST_WITH_STACK_MAPS;
    }
  }

  private static void replace(ZipFile from, Path path) throws IOException {
    Path temporary = path.resolveSibling(path.getFileName() + ".new");
    try (URLClassLoader classes = new URLClassLoader(new URL[] {path.toUri().toURL()});
        OutputStream out = Files.newOutputStream(temporary);
        ZipOutputStream to = new ZipOutputStream(out)) {
      ClassFile classFile = classFile(classes);
      for (ZipEntry entry : Collections.list(from.entries())) {
        byte[] content = from.getInputStream(entry).readAllBytes();
        to.putNextEntry(new ZipEntry(entry.getName()));
        to.write(isOld(entry, from) ? modern(classFile, content) : content);
      }
    }
    Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
  }

  private static ClassFile classFile(ClassLoader classes) {
    return ClassFile.of(
        ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
        ClassFile.ClassHierarchyResolverOption.of(
            ClassHierarchyResolver.ofResourceParsing(classes)
                .orElse(ClassHierarchyResolver.defaultResolver())));
  }

  private static byte[] modern(ClassFile classFile, byte[] content) {
    ClassModel old = classFile.parse(content);
    ClassTransform version =
        (builder, element) -> {
          if (element instanceof ClassFileVersion) {
            builder.withVersion(ClassFile.JAVA_8_VERSION, 0);
          } else {
            builder.with(element);
          }
        };
    // Code is written anew, maps included, only where a transformation goes through it.
    return classFile.transformClass(
        old, version.andThen(ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL)));
  }
}
